# Runs an example, and compares what it prints.

list(REMOVE_ITEM LOOP "") # no emulator
execute_process(COMMAND ${LOOP} OUTPUT_VARIABLE output ERROR_VARIABLE errors RESULT_VARIABLE result TIMEOUT 50)
message("${output}${errors}")
set(expected "asked\n")
foreach(change "online -> offline" "offline -> online")
    foreach(phase START STATECHANGE DONE)
        string(APPEND expected "${phase}: ${change}\n")
    endforeach()
endforeach()
string(REPLACE "\r" "" output "${output}")
if(NOT result EQUAL 0 OR NOT output STREQUAL expected)
    message(FATAL_ERROR "the example exits with ${result}, and does not print what it must")
endif()
