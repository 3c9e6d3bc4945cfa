# Builds the library with cargo, and sets where it is and what a static link of it needs.

find_program(MAPIOFFLINE_CARGO cargo PATHS "$ENV{CARGO_HOME}/bin" "$ENV{HOME}/.cargo/bin" REQUIRED)

# The Rust target triple; empty where cargo's default is right.
if(NOT CMAKE_CROSSCOMPILING AND NOT WIN32)
    set(default_target "")
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64|i[3-6]86|x86)$")
    if(CMAKE_SIZEOF_VOID_P EQUAL 4)
        set(default_target "i686")
    else()
        set(default_target "x86_64")
    endif()
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64|ARM64)$")
    set(default_target "aarch64")
else()
    set(default_target "${CMAKE_SYSTEM_PROCESSOR}")
endif()
if(NOT default_target STREQUAL "")
    if(WIN32)
        string(APPEND default_target "-pc-windows-gnu")
    else()
        string(APPEND default_target "-unknown-linux-gnu")
    endif()
endif()
set(MAPIOFFLINE_CARGO_TARGET "${default_target}" CACHE STRING "Rust target triple to build for; empty for cargo's default")

# What rustc prints for --print native-static-libs; on Linux `cargo xtask test` compares the two. Not gcc_s: the compiler links
# the unwinder by itself, as gcc_eh where all is static.
set(native_libraries_Linux util rt pthread m dl c)
set(native_libraries_Windows kernel32 advapi32 ntdll userenv ws2_32 dbghelp)
set(MAPIOFFLINE_NATIVE_LIBRARIES ${native_libraries_${CMAKE_SYSTEM_NAME}})
# As flags: in a project that includes this one, CMake would take a bare name for a target of that name.
list(TRANSFORM MAPIOFFLINE_NATIVE_LIBRARIES PREPEND "-l" OUTPUT_VARIABLE MAPIOFFLINE_NATIVE_FLAGS)

# RUSTFLAGS in the environment replaces these. Messages of panics name source files: not by the path of the builder's home.
# A loop of a few instructions, as delivery is, costs up to a sixth more if it happens to lie across cache lines.
set(cargo_home "$ENV{CARGO_HOME}")
if(cargo_home STREQUAL "")
    set(cargo_home "$ENV{HOME}$ENV{USERPROFILE}/.cargo")
endif()
file(TO_CMAKE_PATH "${cargo_home}" cargo_home)
set(MAPIOFFLINE_CARGO_CONFIG --config
    "build.rustflags=['--remap-path-prefix=${cargo_home}=cargo', '-Cllvm-args=-align-loops=64']")

# Other linkers lack what MapiofflineOneObject.cmake needs.
set(one_object OFF)
if(NOT WIN32 AND CMAKE_OBJCOPY AND CMAKE_AR)
    separate_arguments(c_flags NATIVE_COMMAND "${CMAKE_C_FLAGS}")
    execute_process(COMMAND "${CMAKE_C_COMPILER}" ${c_flags} -Wl,--version OUTPUT_VARIABLE linker ERROR_QUIET)
    if(linker MATCHES "GNU ld")
        set(one_object ON)
    endif()
endif()
if(NOT WIN32 AND NOT one_object)
    message(STATUS "libmapioffline.a cannot be linked beside another static library in Rust: that takes GNU ld and objcopy")
endif()

# Adds a target mapioffline_cargo_PROFILE that builds the static library and, except on Windows, the shared one. Every build
# runs cargo, which itself decides what to rebuild; the libraries are copied only if they changed.
#
# For the profile MAPIOFFLINE_CARGO_PROFILE, sets MAPIOFFLINE_STATIC_LIBRARY and, except on Windows,
# MAPIOFFLINE_SHARED_LIBRARY (the full name, with the usual links beside it); for others the same with the suffix _PROFILE.
function(mapioffline_cargo_build profile)
    set(out "${PROJECT_BINARY_DIR}/${profile}")
    set(built "${MAPIOFFLINE_CARGO_TARGET_DIR}/${profile}")
    set(environment "CARGO_TARGET_DIR=${MAPIOFFLINE_CARGO_TARGET_DIR}")
    if(MAPIOFFLINE_SONAME)
        list(APPEND environment "MAPIOFFLINE_SONAME=${MAPIOFFLINE_SONAME}")
    endif()
    separate_arguments(arguments NATIVE_COMMAND "${MAPIOFFLINE_CARGO_ARGS}")
    if(NOT MAPIOFFLINE_CARGO_TARGET STREQUAL "")
        set(built "${MAPIOFFLINE_CARGO_TARGET_DIR}/${MAPIOFFLINE_CARGO_TARGET}/${profile}")
        list(APPEND arguments --target ${MAPIOFFLINE_CARGO_TARGET})
        string(TOUPPER "${MAPIOFFLINE_CARGO_TARGET}" upper)
        string(REPLACE "-" "_" upper "${upper}")
        list(APPEND environment "CARGO_TARGET_${upper}_LINKER=${CMAKE_C_COMPILER}")
    endif()
    if(WIN32)
        # The C compiler links the DLL, with a list of the names to export: see MapiofflineWindows.cmake.
        set(what rustc --crate-type staticlib)
        set(shared_commands)
        set(shared_files)
    else()
        # Only these crate types: with the Rust library among them, rustc would not optimise at link time.
        set(what rustc --crate-type cdylib,staticlib)
        set(full "libmapioffline.so.${MAPIOFFLINE_VERSION}")
        set(shared_files "${out}/${full}")
        set(shared_commands
            COMMAND "${CMAKE_COMMAND}" -E copy_if_different "${built}/libmapioffline.so" "${out}/${full}"
            COMMAND "${CMAKE_COMMAND}" -E create_symlink "${full}" "${out}/libmapioffline.so.${MAPIOFFLINE_SOVERSION}"
            COMMAND "${CMAKE_COMMAND}" -E create_symlink
                "libmapioffline.so.${MAPIOFFLINE_SOVERSION}" "${out}/libmapioffline.so")
    endif()
    if(one_object)
        set(static_command "${CMAKE_COMMAND}" "-DINPUT=${built}/libmapioffline.a" "-DOUTPUT=${out}/libmapioffline.a"
            "-DNAMES=${PROJECT_SOURCE_DIR}/abi/exports.txt" "-DCOMPILER=${CMAKE_C_COMPILER}" "-DFLAGS=${CMAKE_C_FLAGS}"
            "-DOBJCOPY=${CMAKE_OBJCOPY}" "-DAR=${CMAKE_AR}"
            -P "${PROJECT_SOURCE_DIR}/cmake/MapiofflineOneObject.cmake")
    else()
        set(static_command
            "${CMAKE_COMMAND}" -E copy_if_different "${built}/libmapioffline.a" "${out}/libmapioffline.a")
    endif()
    add_custom_target(mapioffline_cargo_${profile} ALL
        COMMAND "${CMAKE_COMMAND}" -E env ${environment}
            "${MAPIOFFLINE_CARGO}" ${what} --package mapioffline --lib --profile ${profile} --locked
            ${MAPIOFFLINE_CARGO_CONFIG} ${arguments}
        COMMAND "${CMAKE_COMMAND}" -E make_directory "${out}"
        COMMAND ${static_command}
        ${shared_commands}
        BYPRODUCTS ${shared_files} "${out}/libmapioffline.a"
        WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
        COMMENT "Building mapioffline (${profile}) with cargo"
        USES_TERMINAL
        VERBATIM)
    set(suffix "")
    if(NOT profile STREQUAL MAPIOFFLINE_CARGO_PROFILE)
        string(TOUPPER "_${profile}" suffix)
        string(REPLACE "-" "_" suffix "${suffix}")
    endif()
    set(MAPIOFFLINE_SHARED_LIBRARY${suffix} "${shared_files}" PARENT_SCOPE)
    set(MAPIOFFLINE_STATIC_LIBRARY${suffix} "${out}/libmapioffline.a" PARENT_SCOPE)
endfunction()

# Adds a target mapioffline_cargo_program that builds the program for this machine, and copies it to `file`.
function(mapioffline_cargo_program file)
    # Not where the library is built: it is another kind of library there, and each of the two would have the other one built again.
    set(folder "${MAPIOFFLINE_CARGO_TARGET_DIR}/program")
    set(built "${folder}")
    separate_arguments(arguments NATIVE_COMMAND "${MAPIOFFLINE_CARGO_ARGS}")
    if(NOT MAPIOFFLINE_CARGO_TARGET STREQUAL "")
        string(APPEND built "/${MAPIOFFLINE_CARGO_TARGET}")
        list(APPEND arguments --target ${MAPIOFFLINE_CARGO_TARGET})
    endif()
    add_custom_target(mapioffline_cargo_program ALL
        COMMAND "${CMAKE_COMMAND}" -E env "CARGO_TARGET_DIR=${folder}"
            "${MAPIOFFLINE_CARGO}" build --package mapioffline-cli --profile ${MAPIOFFLINE_CARGO_PROFILE} --locked
            ${MAPIOFFLINE_CARGO_CONFIG} ${arguments}
        COMMAND "${CMAKE_COMMAND}" -E copy_if_different
            "${built}/${MAPIOFFLINE_CARGO_PROFILE}/mapioffline${CMAKE_EXECUTABLE_SUFFIX}" "${file}"
        BYPRODUCTS "${file}"
        WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
        COMMENT "Building the program mapioffline with cargo"
        USES_TERMINAL
        VERBATIM)
    # In parallel, the two runs of cargo would only wait for each other's lock.
    add_dependencies(mapioffline_cargo_program mapioffline_cargo_${MAPIOFFLINE_CARGO_PROFILE})
endfunction()
