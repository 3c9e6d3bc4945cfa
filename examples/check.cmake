# Runs a monitor with session.txt as its input, and checks what it prints.

list(REMOVE_ITEM MONITOR "") # no emulator
execute_process(COMMAND ${MONITOR} "Example" INPUT_FILE "${SESSION}"
    OUTPUT_VARIABLE output ERROR_VARIABLE errors RESULT_VARIABLE result)
message("${output}${errors}")
if(NOT result EQUAL 0)
    message(FATAL_ERROR "the monitor exits with ${result}")
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
