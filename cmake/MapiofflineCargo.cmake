# Builds the library with cargo, and says where it is and what a static link of it needs.

find_program(MAPIOFFLINE_CARGO cargo PATHS "$ENV{CARGO_HOME}/bin" "$ENV{HOME}/.cargo/bin" REQUIRED)

# What rustc prints for --print native-static-libs; `cargo xtask test` compares the two.
set(MAPIOFFLINE_NATIVE_LIBRARIES gcc_s util rt pthread m dl c)
# As flags: bare names would be taken for targets of that name in somebody else's project.
list(TRANSFORM MAPIOFFLINE_NATIVE_LIBRARIES PREPEND "-l" OUTPUT_VARIABLE MAPIOFFLINE_NATIVE_FLAGS)

# A target mapioffline_cargo_PROFILE that builds the shared and the static library. Cargo itself knows whether there is
# anything to do, so it is asked each time; the libraries are copied only when they changed.
#
# Sets, for the profile `release`: MAPIOFFLINE_SHARED_LIBRARY (under its full name, with the usual links beside it) and
# MAPIOFFLINE_STATIC_LIBRARY; for others the same with _PROFILE behind.
function(mapioffline_cargo_build profile)
    set(out "${PROJECT_BINARY_DIR}/${profile}")
    set(full "libmapioffline.so.${MAPIOFFLINE_VERSION}")
    separate_arguments(arguments NATIVE_COMMAND "${MAPIOFFLINE_CARGO_ARGS}")
    add_custom_target(mapioffline_cargo_${profile} ALL
        COMMAND "${CMAKE_COMMAND}" -E env "CARGO_TARGET_DIR=${MAPIOFFLINE_CARGO_TARGET_DIR}"
            "${MAPIOFFLINE_CARGO}" build --package mapioffline --lib --profile ${profile} --locked ${arguments}
        COMMAND "${CMAKE_COMMAND}" -E make_directory "${out}"
        COMMAND "${CMAKE_COMMAND}" -E copy_if_different
            "${MAPIOFFLINE_CARGO_TARGET_DIR}/${profile}/libmapioffline.so" "${out}/${full}"
        COMMAND "${CMAKE_COMMAND}" -E copy_if_different
            "${MAPIOFFLINE_CARGO_TARGET_DIR}/${profile}/libmapioffline.a" "${out}/libmapioffline.a"
        COMMAND "${CMAKE_COMMAND}" -E create_symlink "${full}" "${out}/libmapioffline.so.${MAPIOFFLINE_SOVERSION}"
        COMMAND "${CMAKE_COMMAND}" -E create_symlink
            "libmapioffline.so.${MAPIOFFLINE_SOVERSION}" "${out}/libmapioffline.so"
        BYPRODUCTS "${out}/${full}" "${out}/libmapioffline.a"
        WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
        COMMENT "Building mapioffline (${profile}) with cargo"
        USES_TERMINAL
        VERBATIM)
    set(suffix "")
    if(NOT profile STREQUAL "release")
        string(TOUPPER "_${profile}" suffix)
        string(REPLACE "-" "_" suffix "${suffix}")
    endif()
    set(MAPIOFFLINE_SHARED_LIBRARY${suffix} "${out}/${full}" PARENT_SCOPE)
    set(MAPIOFFLINE_STATIC_LIBRARY${suffix} "${out}/libmapioffline.a" PARENT_SCOPE)
endfunction()
