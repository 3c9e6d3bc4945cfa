# Runs a monitor through session.txt, and looks for what a person would look for.

list(REMOVE_ITEM MONITOR "") # what it runs under, if anything
execute_process(COMMAND ${MONITOR} "Example" INPUT_FILE "${SESSION}"
    OUTPUT_VARIABLE output ERROR_VARIABLE errors RESULT_VARIABLE result)
message("${output}${errors}")
if(NOT result EQUAL 0)
    message(FATAL_ERROR "it exits with ${result}")
endif()
foreach(expected
        "profile Example is online; it can be set online and offline"
        "START +online -> offline" "STATECHANGE +online -> offline" "DONE +online -> offline"
        "already offline"
        "START +offline -> online" "STATECHANGE +offline -> online" "DONE +offline -> online"
        "unknown command: nonsense")
    if(NOT "${output}${errors}" MATCHES "${expected}")
        message(FATAL_ERROR "the output lacks: ${expected}")
    endif()
endforeach()
execute_process(COMMAND ${MONITOR} "" INPUT_FILE "${SESSION}" OUTPUT_QUIET ERROR_VARIABLE errors RESULT_VARIABLE result)
if(result EQUAL 0 OR NOT errors MATCHES "cannot open profile")
    message(FATAL_ERROR "an empty profile name is not refused: ${result} ${errors}")
endif()
