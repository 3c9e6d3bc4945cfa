# Installs into FOLDER and asks pkg-config for the flags. CMAKE_COMMAND, BUILD, FOLDER, PKG_CONFIG.
cmake_minimum_required(VERSION 3.22)
if(NOT PKG_CONFIG)
    message("SKIPPED: there is no pkg-config")
    return() # the test's SKIP_REGULAR_EXPRESSION matches that line
endif()
file(REMOVE_RECURSE "${FOLDER}")
file(MAKE_DIRECTORY "${FOLDER}")

function(install destdir prefix)
    set(ENV{DESTDIR} "${destdir}")
    execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BUILD}" --component Development --prefix "${prefix}"
        OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
    unset(ENV{DESTDIR})
endfunction()

# The flags, with the sysroot and the folder of the .pc file spelled as given, must name one existing folder of headers below
# `root`.
function(flags_name_headers sysroot path root)
    if(sysroot STREQUAL "")
        unset(ENV{PKG_CONFIG_SYSROOT_DIR})
    else()
        set(ENV{PKG_CONFIG_SYSROOT_DIR} "${sysroot}")
    endif()
    set(ENV{PKG_CONFIG_LIBDIR} "${path}")
    unset(ENV{PKG_CONFIG_PATH})
    execute_process(COMMAND "${PKG_CONFIG}" --cflags mapioffline OUTPUT_VARIABLE flags COMMAND_ERROR_IS_FATAL ANY
        OUTPUT_STRIP_TRAILING_WHITESPACE)
    string(REGEX REPLACE "^-I" "" include "${flags}")
    file(REAL_PATH "${root}/include" wanted)
    file(REAL_PATH "${include}" named)
    if(NOT named STREQUAL wanted OR NOT EXISTS "${named}/mapioffline.h")
        message(FATAL_ERROR "sysroot ${sysroot}, ${path}: ${flags}, but the headers are in ${wanted}")
    endif()
endfunction()

function(package_folder prefix variable)
    file(GLOB_RECURSE found "${prefix}/*/mapioffline.pc")
    get_filename_component(folder "${found}" DIRECTORY)
    set(${variable} "${folder}" PARENT_SCOPE)
endfunction()

# A package in a sysroot, which is spelled in other ways than the path of the .pc file.
install("${FOLDER}/root" /opt/mapioffline)
file(CREATE_LINK root "${FOLDER}/link" SYMBOLIC)
package_folder("${FOLDER}/root/opt/mapioffline" pc)
foreach(sysroot root root/ /root ./root link)
    flags_name_headers("${FOLDER}/${sysroot}" "${pc}" "${FOLDER}/root/opt/mapioffline")
endforeach()

# What was installed without DESTDIR may be moved.
install("" "${FOLDER}/before")
file(RENAME "${FOLDER}/before" "${FOLDER}/behind")
package_folder("${FOLDER}/behind" pc)
flags_name_headers("" "${pc}" "${FOLDER}/behind")
