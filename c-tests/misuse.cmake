# Checks a client that breaks RULE, or none.

set(rule "${RULE}")
set(faults)
if(rule STREQUAL "unknown-type")
    set(faults --fault "start type 7")
endif()
execute_process(COMMAND "${PROGRAM}" check --notify-limit 100ms ${faults} -- "${CLIENT}" ${rule}
    OUTPUT_VARIABLE output ERROR_VARIABLE errors RESULT_VARIABLE result TIMEOUT 50)
message("${output}${errors}")
if(rule STREQUAL "")
    if(NOT result EQUAL 0 OR NOT output STREQUAL "")
        message(FATAL_ERROR "exit code ${result}: a client that keeps the rules is not right")
    endif()
    return()
endif()
if(NOT result EQUAL 9 OR NOT output MATCHES "(^|\n)${rule}: process ")
    message(FATAL_ERROR "exit code ${result}: ${rule} is not found")
endif()
# What is left at the end may come along where the client ends in the middle.
string(REGEX REPLACE "(^|\n)(${rule}|reference-leaked): [^\n]*" "" others "${output}")
string(STRIP "${others}" others)
if(NOT others STREQUAL "")
    message(FATAL_ERROR "more is found: ${others}")
endif()
execute_process(COMMAND "${PROGRAM}" check --notify-limit 100ms ${faults} --allow ${rule} --allow reference-leaked -- "${CLIENT}"
    ${rule}
    OUTPUT_QUIET ERROR_QUIET RESULT_VARIABLE result TIMEOUT 50)
if(NOT result EQUAL 0)
    message(FATAL_ERROR "exit code ${result}: ${rule} is allowed")
endif()
