# Compiles a client with Wine's headers. It must fail: with our #error if Wine's headers come first.
if(NOT EXISTS "${WINE}/windows.h")
    message("SKIPPED: Wine's headers are not installed (Debian: libwine-dev)")
    return() # the test's SKIP_REGULAR_EXPRESSION matches that line
endif()
execute_process(COMMAND ${COMPILER} -fsyntax-only -I${WINE} ${ARGUMENTS} "${SOURCE}"
    RESULT_VARIABLE result ERROR_VARIABLE errors)
if(result EQUAL 0)
    message(FATAL_ERROR "it compiles")
endif()
string(REGEX MATCHALL "error: [^\n]*" lines "${errors}")
list(GET lines 0 first)
message("${first}")
if(NOT WORDS STREQUAL "" AND NOT first MATCHES "${WORDS}")
    message(FATAL_ERROR "the first error is not ours:\n${errors}")
endif()
