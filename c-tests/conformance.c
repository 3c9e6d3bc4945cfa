/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* mapioffline-conformance: runs the suite against a library by its path, and reports. */
#include "harness.h"

#include <ctype.h>

enum outcome { PASSED, FAILED, SKIPPED, CRASHED, TIMED_OUT };

struct result {
    struct test_case *test;
    char name[128];
    enum outcome outcome;
    double seconds;
    char *output; /* what the case printed, or null */
};

static const char *provenances = "reference,com";
static const char *only = "";
static const char *junit;
static const char *library;
static int tap;
static int one_process;
static int list;
static int seconds = 60;

static const char usage[] =
    "usage: mapioffline-conformance [OPTIONS] LIBRARY\n"
    "\n"
    "Runs the conformance suite of the Offline State API against a shared object or a\n"
    "DLL, each case in a process of its own.\n"
    "\n"
    "  --provenance WORDS   the cases that rest on these, separated by commas: reference\n"
    "                       (Microsoft's pages), com (the rules of COM and MAPI), decision\n"
    "                       (decisions of mapioffline's own); reference,com if not given\n"
    "  --only PREFIX        the cases whose names begin so: advise, open.unknown\n"
    "  --timeout SECONDS    how long a case may take; 60 if not given\n"
    "  --one-process        all cases in this process: faster, and the first crash ends it\n"
    "  --store shared       for mapioffline itself: with a folder that processes share\n"
    "  --tap                report in the format of the Test Anything Protocol\n"
    "  --junit FILE         write a report in JUnit's XML, too\n"
    "  --list               print the cases, and what each rests on\n"
    "\n"
    "Exit codes: 0 no case failed; 1 a case failed; 2 the command line is wrong, or the\n"
    "library cannot be loaded.\n";

static int refuse(const char *what, const char *which) {
    fprintf(stderr, "mapioffline-conformance: %s%s; --help lists the options\n", what, which);
    return 2;
}

/* ---- the cases ----------------------------------------------------------------------------------------------------- */

static int by_name(const void *one, const void *other) {
    return strcmp(((const struct result *)one)->name, ((const struct result *)other)->name);
}

/* The cases that were asked for, sorted by name, but in one process in the order of the suite's other programs: cases that share
 * a process share what the library remembers of it. Their number goes to `count`. */
static struct result *select_cases(size_t *count) {
    struct result *results;
    struct test_case *test;
    size_t all = 0;
    *count = 0;
    for (test = first_case(); test != NULL; test = test->next) {
        all++;
    }
    results = (struct result *)calloc(all + 1, sizeof(*results));
    for (test = first_case(); results != NULL && test != NULL; test = test->next) {
        struct result *result = &results[*count];
        full_name(test, result->name, sizeof(result->name));
        if (has_provenance(test, provenances) && strncmp(result->name, only, strlen(only)) == 0) {
            result->test = test;
            (*count)++;
        }
    }
    if (results != NULL && !one_process) {
        qsort(results, *count, sizeof(*results), by_name);
    }
    return results;
}

static char *read_file(const char *path) {
    char *text = NULL;
    long size = 0;
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }
    if (fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0 && fseek(file, 0, SEEK_SET) == 0) {
        text = (char *)calloc((size_t)size + 1, 1);
        if (text != NULL && fread(text, 1, (size_t)size, file) != (size_t)size) {
            text[0] = 0;
        }
    }
    fclose(file);
    return text;
}

static void run_alone(struct result *result, const char *program, const char *output) {
    double begun = seconds_of_clock();
    int status = run_process_within(program, result->name, output, seconds);
    result->seconds = seconds_of_clock() - begun;
    result->outcome = status == 0    ? PASSED
                      : status == 77 ? SKIPPED
                      : status == RAN_TOO_LONG ? TIMED_OUT
                      : status == ENDED_BY_A_FAULT ? CRASHED
                                                   : FAILED;
    result->output = read_file(output);
}

static void run_here(struct result *result) {
    double begun = seconds_of_clock();
    int status = run_case(result->test);
    result->seconds = seconds_of_clock() - begun;
    result->outcome = status == 0 ? PASSED : status == 77 ? SKIPPED : FAILED;
}

/* ---- reports ------------------------------------------------------------------------------------------------------- */

static const char *word_of(enum outcome outcome) {
    static const char *const words[] = {"passed", "FAILED", "skipped", "CRASHED", "TIMED OUT"};
    return words[outcome];
}

static int is_failure(const struct result *result) {
    return result->outcome != PASSED && result->outcome != SKIPPED;
}

/* The reason of a skipped case, which is in its only line. */
static const char *reason_of(const struct result *result) {
    const char *found = result->output == NULL ? NULL : strstr(result->output, "SKIPPED: ");
    return found == NULL ? "" : found + strlen("SKIPPED: ");
}

/* Prints each line of a text behind `before`. */
static void print_lines(FILE *file, const char *before, const char *text) {
    while (text != NULL && *text != 0) {
        size_t length = strcspn(text, "\r\n");
        if (length > 0) {
            fprintf(file, "%s%.*s\n", before, (int)length, text);
        }
        text += length;
        text += strspn(text, "\r\n");
    }
}

static void report_to_people(const struct result *result) {
    if (!is_failure(result)) {
        return;
    }
    printf("%s %s, which rests on %s: %s\n", word_of(result->outcome), result->name, result->test->provenance,
           result->test->source);
    print_lines(stdout, "    ", result->output);
    fflush(stdout);
}

static void report_as_tap(const struct result *result, size_t number) {
    printf("%sok %u - %s", is_failure(result) ? "not " : "", (unsigned)number, result->name);
    if (result->outcome == SKIPPED) {
        const char *reason = reason_of(result);
        printf(" # SKIP %.*s", (int)strcspn(reason, "\r\n"), reason);
    }
    printf("\n");
    if (is_failure(result)) {
        printf("# %s; rests on %s: %s\n", word_of(result->outcome), result->test->provenance, result->test->source);
        print_lines(stdout, "# ", result->output);
    }
    fflush(stdout);
}

static void print_xml(FILE *file, const char *text) {
    for (; text != NULL && *text != 0; text++) {
        const unsigned char c = (unsigned char)*text;
        switch (c) {
        case '&':
            fputs("&amp;", file);
            break;
        case '<':
            fputs("&lt;", file);
            break;
        case '>':
            fputs("&gt;", file);
            break;
        case '"':
            fputs("&quot;", file);
            break;
        default:
            /* XML has no other control characters. What a library prints may be in any encoding. */
            fputc((c >= 0x20 && c < 0x7F) || c == '\n' || c == '\t' ? c : '?', file);
        }
    }
}

static size_t length_of_subject(const struct result *result) {
    return strcspn(result->name, ".");
}

static int is_of_subject(const struct result *result, const struct result *first) {
    size_t length = length_of_subject(first);
    return length_of_subject(result) == length && strncmp(result->name, first->name, length) == 0;
}

static void print_xml_case(FILE *file, const struct result *result) {
    size_t length = length_of_subject(result);
    fprintf(file, "    <testcase classname=\"%.*s\" name=\"%s\" time=\"%.3f\"", (int)length, result->name,
            result->name + length + 1, result->seconds);
    if (result->outcome == PASSED) {
        fputs("/>\n", file);
        return;
    }
    if (result->outcome == SKIPPED) {
        const char *reason = reason_of(result);
        char line[200];
        snprintf(line, sizeof(line), "%.*s", (int)strcspn(reason, "\r\n"), reason);
        fputs("><skipped message=\"", file);
        print_xml(file, line);
        fputs("\"/></testcase>\n", file);
        return;
    }
    fprintf(file, "><failure message=\"%s: rests on %s: ", word_of(result->outcome), result->test->provenance);
    print_xml(file, result->test->source);
    fputs("\">", file);
    print_xml(file, result->output);
    fputs("</failure></testcase>\n", file);
}

/* A suite for each subject. */
static int write_junit(const struct result *results, size_t count) {
    size_t first;
    size_t next;
    FILE *file = fopen(junit, "wb");
    if (file == NULL) {
        return 0;
    }
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"mapioffline-conformance\">\n", file);
    for (first = 0; first < count; first = next) {
        unsigned failed = 0;
        unsigned left_out = 0;
        double time = 0;
        for (next = first; next < count && is_of_subject(&results[next], &results[first]); next++) {
            failed += is_failure(&results[next]) ? 1 : 0;
            left_out += results[next].outcome == SKIPPED ? 1 : 0;
            time += results[next].seconds;
        }
        fprintf(file, "  <testsuite name=\"%.*s\" tests=\"%u\" failures=\"%u\" skipped=\"%u\" time=\"%.3f\">\n",
                (int)length_of_subject(&results[first]), results[first].name, (unsigned)(next - first), failed, left_out,
                time);
        for (; first < next; first++) {
            print_xml_case(file, &results[first]);
        }
        fputs("  </testsuite>\n", file);
    }
    fputs("</testsuites>\n", file);
    return fclose(file) == 0;
}

/* ---- the command line ---------------------------------------------------------------------------------------------- */

/* 0: go on. Otherwise 1 and the exit code. */
static int read_options(int argc, char **argv, int *code) {
    int index;
    *code = 2;
    for (index = 1; index < argc; index++) {
        const char *option = argv[index];
        const char *value = index + 1 < argc ? argv[index + 1] : NULL;
        int takes_value = 1;
        if (strcmp(option, "--help") == 0) {
            fputs(usage, stdout);
            *code = 0;
            return 1;
        } else if (strcmp(option, "--tap") == 0) {
            tap = 1;
            takes_value = 0;
        } else if (strcmp(option, "--list") == 0) {
            list = 1;
            takes_value = 0;
        } else if (strcmp(option, "--one-process") == 0) {
            one_process = 1;
            takes_value = 0;
        } else if (option[0] != '-') {
            if (library != NULL) {
                refuse("one library is tested, and there is another argument: ", option);
                return 1;
            }
            library = option;
            takes_value = 0;
        } else if (value == NULL) {
            refuse("there is no such option, or its value is missing: ", option);
            return 1;
        } else if (strcmp(option, "--provenance") == 0) {
            if (!are_provenances(value)) {
                return 1;
            }
            provenances = value;
        } else if (strcmp(option, "--only") == 0) {
            only = value;
        } else if (strcmp(option, "--junit") == 0) {
            junit = value;
        } else if (strcmp(option, "--timeout") == 0) {
            char *end;
            long number = strtol(value, &end, 10);
            if (number < 1 || number > 86400 || *end != 0) {
                refuse("--timeout takes a number of seconds, from 1 to 86400, and not ", value);
                return 1;
            }
            seconds = (int)number;
        } else if (strcmp(option, "--store") == 0 && strcmp(value, "shared") == 0) {
            set_environment("MAPIOFFLINE_TEST_STORE", "shared");
        } else {
            refuse("there is no such option or value: ", option);
            return 1;
        }
        index += takes_value;
    }
    if (library == NULL && !list) {
        refuse("the path of the library is missing", "");
        return 1;
    }
    return 0;
}

static void print_cases(const struct result *results, size_t count) {
    size_t index;
    for (index = 0; index < count; index++) {
        printf("%s\t%s\t%s\n", results[index].name, results[index].test->provenance, results[index].test->source);
    }
}

int main(int argc, char **argv) {
    struct result *results;
    size_t count;
    size_t index;
    size_t passed = 0;
    size_t left_out = 0;
    int code;
    char path[1024];
    char program[1024];
    char folder[512];
    char output[600];
    if (getenv("MAPIOFFLINE_CONFORMANCE_CASE") != NULL) {
        return suite_main(argc, argv); /* this program, started for one case */
    }
    if (read_options(argc, argv, &code) != 0) {
        return code;
    }
    results = select_cases(&count);
    if (results == NULL || count == 0) {
        return refuse("no case has that provenance and a name that begins with ", only);
    }
    if (list) {
        print_cases(results, count);
        return 0;
    }
    if (!absolute_path(path, sizeof(path), library)) {
        return refuse("there is no such file: ", library);
    }
    set_environment("MAPIOFFLINE_TEST_LIBRARY", path);
    if (!path_of_program(program, sizeof(program), argv[0]) || !make_private_folder(folder, sizeof(folder)) ||
        !make_folder(folder)) {
        return refuse("no folder could be made here for the output of cases", "");
    }
    snprintf(output, sizeof(output), "%s/output", folder);
    set_environment("MAPIOFFLINE_CONFORMANCE_CASE", "1"); /* of the processes that cases start, too */
    if (one_process) {
        begin_suite(program);
    } else {
        /* Whether it can be loaded is said once, and not by each case. */
        int status = run_process_within(program, "--list-exports", output, seconds);
        if (status != 0) {
            print_lines(stderr, "mapioffline-conformance: ", read_file(output));
            fprintf(stderr, "mapioffline-conformance: %s cannot be tested\n", path);
            remove_folder(folder);
            return 2;
        }
    }
    if (tap) {
        printf("TAP version 14\n1..%u\n", (unsigned)count);
    }
    for (index = 0; index < count; index++) {
        struct result *result = &results[index];
        if (one_process) {
            run_here(result);
        } else {
            run_alone(result, program, output);
        }
        passed += result->outcome == PASSED ? 1 : 0;
        left_out += result->outcome == SKIPPED ? 1 : 0;
        if (tap) {
            report_as_tap(result, index + 1);
        } else {
            report_to_people(result);
        }
    }
    if (one_process) {
        end_suite();
    }
    remove_folder(folder);
    if (!tap) {
        printf("%u cases: %u passed, %u failed, %u skipped\n", (unsigned)count, (unsigned)passed,
               (unsigned)(count - passed - left_out), (unsigned)left_out);
    }
    qsort(results, count, sizeof(*results), by_name);
    if (junit != NULL && !write_junit(results, count)) {
        return refuse("the report cannot be written to ", junit);
    }
    return passed + left_out == count ? 0 : 1;
}
