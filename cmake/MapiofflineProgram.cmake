# Builds the program mapioffline with cargo, and its manual pages and completions, which the program prints itself.

if(CMAKE_CROSSCOMPILING)
    message(FATAL_ERROR "the program mapioffline is not built for another platform here: use cargo install --path cli there")
endif()

set(program "${PROJECT_BINARY_DIR}/${MAPIOFFLINE_CARGO_PROFILE}/mapioffline${CMAKE_EXECUTABLE_SUFFIX}")
set(program_pages "${PROJECT_BINARY_DIR}/man")
set(program_completions "${PROJECT_BINARY_DIR}/completions")
mapioffline_cargo_program("${program}")

# The file names by which each shell finds completions.
set(shells bash zsh fish)
set(completions_bash "mapioffline")
set(completions_zsh "_mapioffline")
set(completions_fish "mapioffline.fish")
set(print_completions)
foreach(shell ${shells})
    list(APPEND print_completions
        COMMAND "${CMAKE_COMMAND}" -E make_directory "${program_completions}/${shell}"
        COMMAND "${program}" completions ${shell} > "${program_completions}/${shell}/${completions_${shell}}")
endforeach()
add_custom_command(OUTPUT "${program_pages}/mapioffline.1"
    COMMAND "${CMAKE_COMMAND}" -E make_directory "${program_pages}"
    COMMAND "${program}" man "${program_pages}"
    ${print_completions}
    DEPENDS "${program}"
    COMMENT "Writing the manual pages and completions of mapioffline"
    VERBATIM)
add_custom_target(mapioffline_program ALL DEPENDS "${program_pages}/mapioffline.1")
add_dependencies(mapioffline_program mapioffline_cargo_program)

if(MAPIOFFLINE_INSTALL)
    install(PROGRAMS "${program}" DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT Program)
    install(DIRECTORY "${program_pages}/" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" COMPONENT Program)
    install(FILES "${program_completions}/bash/mapioffline"
        DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" COMPONENT Program)
    install(FILES "${program_completions}/zsh/_mapioffline"
        DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/site-functions" COMPONENT Program)
    install(FILES "${program_completions}/fish/mapioffline.fish"
        DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d" COMPONENT Program)
    if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
        # Not enabled. systemd finds units of users here, also below ~/.local.
        install(FILES packaging/mapioffline-agent.service
            DESTINATION "${CMAKE_INSTALL_DATADIR}/systemd/user" COMPONENT Program)
    endif()
endif()
