# Builds the DLL: the C compiler links the static library with the names of windows/*.def, a version resource, and no DLLs
# but the system's. Also builds its import libraries, and the forwarders under the names that old clients load.

if(NOT MINGW)
    message(FATAL_ERROR "mapioffline.dll is built with mingw-w64; MSVC's clients link its mapioffline.lib")
endif()
if(NOT MAPIOFFLINE_CARGO_TARGET MATCHES "^(x86_64|i686)-")
    message(FATAL_ERROR "mapioffline.dll is built for x64 and x86, not for ${MAPIOFFLINE_CARGO_TARGET}")
endif()
enable_language(RC)
if(CMAKE_SIZEOF_VOID_P EQUAL 4)
    set(windows_cpu x86)
    set(windows_machine i386)
    set(symbol_prefix _)
else()
    set(windows_cpu x64)
    set(windows_machine i386:x86-64)
    set(symbol_prefix "")
endif()

set(windows_def "${PROJECT_SOURCE_DIR}/windows/mapioffline-${windows_cpu}.def")
string(REPLACE "." "," MAPIOFFLINE_VERSION_COMMAS "${PROJECT_VERSION}.0")
# Windows shows these in the properties of a DLL.
function(version_resource name description)
    configure_file(windows/version.rc.in ${name}.rc @ONLY)
endfunction()
version_resource(mapioffline "The Offline State API, without Outlook (mapioffline)")

# The names without `=` are symbols of the static library. --undefined makes the linker take them from it.
file(STRINGS "${windows_def}" def_names REGEX "^    [A-Za-z0-9@]+$")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${windows_def}")
list(TRANSFORM def_names STRIP)
list(TRANSFORM def_names PREPEND "LINKER:--undefined=${symbol_prefix}" OUTPUT_VARIABLE wanted_symbols)
# Wanted from the start, the linker takes the library's own definition: see src/sys/wine.rs.
list(APPEND wanted_symbols "LINKER:--undefined=ProcessPrng")

add_library(mapioffline_shared SHARED "${windows_def}" "${CMAKE_CURRENT_BINARY_DIR}/mapioffline.rc")
set_target_properties(mapioffline_shared PROPERTIES
    OUTPUT_NAME mapioffline PREFIX "" IMPORT_PREFIX lib LINKER_LANGUAGE C
    LINK_DEPENDS "${windows_def};${MAPIOFFLINE_STATIC_LIBRARY}")
# Everything but system DLLs is linked in; nothing that differs between builds, such as a timestamp, is.
target_link_options(mapioffline_shared PRIVATE ${wanted_symbols} -static -static-libgcc
    LINKER:--gc-sections LINKER:--strip-all LINKER:--no-insert-timestamp LINKER:--dynamicbase LINKER:--nxcompat)
target_link_libraries(mapioffline_shared PRIVATE "${MAPIOFFLINE_STATIC_LIBRARY}" ${MAPIOFFLINE_NATIVE_FLAGS})

# The import library for MSVC's linker. Only a tool of LLVM's makes one, so it is optional.
find_program(MAPIOFFLINE_DLLTOOL NAMES llvm-dlltool llvm-dlltool-22 llvm-dlltool-21 llvm-dlltool-20
    llvm-dlltool-19 llvm-dlltool-18 llvm-dlltool-17 llvm-dlltool-16 llvm-dlltool-15 llvm-dlltool-14)
if(MAPIOFFLINE_DLLTOOL)
    set(MAPIOFFLINE_MSVC_IMPORT_LIBRARY "${CMAKE_CURRENT_BINARY_DIR}/mapioffline.lib")
    add_custom_command(OUTPUT "${MAPIOFFLINE_MSVC_IMPORT_LIBRARY}"
        COMMAND "${MAPIOFFLINE_DLLTOOL}" -m ${windows_machine} -d "${windows_def}" -D mapioffline.dll
            -l "${MAPIOFFLINE_MSVC_IMPORT_LIBRARY}"
        DEPENDS "${windows_def}"
        VERBATIM)
    add_custom_target(mapioffline_msvc_import_library ALL DEPENDS "${MAPIOFFLINE_MSVC_IMPORT_LIBRARY}")
else()
    message(STATUS "mapioffline.lib, for MSVC's linker, is not built: llvm-dlltool was not found")
endif()

# DLLs under the names of Outlook's DLLs. They forward every call to mapioffline.dll, so there is one registry of profiles.
if(MAPIOFFLINE_FORWARDERS)
    foreach(name msmapi32 olmapi32)
        version_resource(${name} "Hands calls on to mapioffline.dll (not Outlook's)")
        add_library(${name} SHARED windows/forwarder.c "windows/forwarder.def" "${CMAKE_CURRENT_BINARY_DIR}/${name}.rc")
        set_target_properties(${name} PROPERTIES PREFIX ""
            ARCHIVE_OUTPUT_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/outlook-names"
            RUNTIME_OUTPUT_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/outlook-names"
            LINK_DEPENDS "${PROJECT_SOURCE_DIR}/windows/forwarder.def")
        target_link_options(${name} PRIVATE -nostdlib LINKER:--strip-all LINKER:--no-insert-timestamp
            LINKER:--dynamicbase LINKER:--nxcompat)
    endforeach()
endif()
