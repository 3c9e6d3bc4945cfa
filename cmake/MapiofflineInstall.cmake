# Installs headers, libraries, the pkg-config file and the CMake package. They are relocatable: no path is written into them,
# except the prefix into mapioffline.pc if they are staged.

include(CMakePackageConfigHelpers)

install(FILES include/mapioffline.h DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT Development)
install(DIRECTORY include/mapioffline DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT Development
    FILES_MATCHING PATTERN "*.h")

if(WIN32)
    install(TARGETS mapioffline_shared
        RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT Runtime
        ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT Development)
    install(FILES "${MAPIOFFLINE_STATIC_LIBRARY}" ${MAPIOFFLINE_MSVC_IMPORT_LIBRARY}
        DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT Development)
    if(MAPIOFFLINE_FORWARDERS)
        # Never into bin: there they would hide Outlook's own DLLs from every program. See docs/porting.md.
        install(FILES "$<TARGET_FILE:msmapi32>" "$<TARGET_FILE:olmapi32>"
            DESTINATION "${CMAKE_INSTALL_LIBDIR}/mapioffline/outlook-names" COMPONENT Runtime)
    endif()
else()
    get_filename_component(build_folder "${MAPIOFFLINE_SHARED_LIBRARY}" DIRECTORY)
    install(PROGRAMS "${MAPIOFFLINE_SHARED_LIBRARY}" DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT Runtime)
    install(FILES "${build_folder}/libmapioffline.so.${MAPIOFFLINE_SOVERSION}"
        DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT Runtime)
    install(FILES "${build_folder}/libmapioffline.so" "${MAPIOFFLINE_STATIC_LIBRARY}"
        DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT Development)
endif()

# For clients that are compiled with a sanitizer; see docs/porting.md.
install(FILES c-tests/sanitizers/tsan.supp DESTINATION "${CMAKE_INSTALL_DATADIR}/mapioffline" COMPONENT Development)
install(FILES LICENSE-MIT LICENSE-APACHE DESTINATION "${CMAKE_INSTALL_DATADIR}/licenses/mapioffline"
    COMPONENT Runtime)

# The relative path from the folder of the .pc file to the prefix.
file(RELATIVE_PATH pc_to_prefix "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
string(REGEX REPLACE "/$" "" pc_to_prefix "${pc_to_prefix}")
list(JOIN MAPIOFFLINE_NATIVE_FLAGS " " pc_private)
foreach(kind LIB INCLUDE)
    # Distributions may set absolute folders.
    if(IS_ABSOLUTE "${CMAKE_INSTALL_${kind}DIR}")
        set(pc_${kind} "${CMAKE_INSTALL_${kind}DIR}")
    else()
        set(pc_${kind} "\${prefix}/${CMAKE_INSTALL_${kind}DIR}")
    endif()
endforeach()
# A prefix relative to the .pc file lets the files be moved. But pkg-config puts the sysroot in front of every path that does
# not begin with it, letter by letter: where the sysroot is spelled otherwise (a link, a doubled slash), such a path gets it
# twice. Packages, of which sysroots are made, are not moved: with DESTDIR or CMAKE_STAGING_PREFIX the file has the prefix
# itself.
set(pc_prefix "@pc_prefix@")
configure_file(cmake/mapioffline.pc.in mapioffline.pc.in @ONLY)
install(CODE "
    set(pc_prefix \"\\\${pcfiledir}/${pc_to_prefix}\")
    if(NOT \"${CMAKE_STAGING_PREFIX}\" STREQUAL \"\")
        set(pc_prefix \"${CMAKE_INSTALL_PREFIX}\")
    elseif(NOT \"\$ENV{DESTDIR}\" STREQUAL \"\")
        set(pc_prefix \"\${CMAKE_INSTALL_PREFIX}\")
    endif()
    configure_file(\"${CMAKE_CURRENT_BINARY_DIR}/mapioffline.pc.in\"
        \"${CMAKE_CURRENT_BINARY_DIR}/mapioffline.pc\" @ONLY)
    " COMPONENT Development)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/mapioffline.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig"
    COMPONENT Development)

set(package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/mapioffline")
configure_package_config_file(cmake/mapiofflineConfig.cmake.in mapiofflineConfig.cmake
    INSTALL_DESTINATION "${package_folder}"
    PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_BINDIR)
# Before 1.0 a new minor version may change anything; afterwards a new major one.
write_basic_package_version_file(mapiofflineConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES
    "${CMAKE_CURRENT_BINARY_DIR}/mapiofflineConfig.cmake"
    "${CMAKE_CURRENT_BINARY_DIR}/mapiofflineConfigVersion.cmake"
    DESTINATION "${package_folder}" COMPONENT Development)
