/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The time from setting a property of a service over D-Bus to PropertiesChanged in a third process. `dbus ROUNDS` prints
 * nanoseconds, one round a line. DBUS_SESSION_BUS_ADDRESS selects the bus. */
#include "pair.h"

#include <signal.h>
#include <systemd/sd-bus.h>

#define NAME "org.example.State"
#define PATH "/org/example/State"

static int32_t offline;

static void must(int result, const char *what) {
    if (result < 0) {
        fail(what, result);
    }
}

static int set_offline(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *value,
                       void *context, sd_bus_error *error) {
    int32_t wanted = 0;
    int result = sd_bus_message_read(value, "i", &wanted);
    (void)context;
    (void)error;
    if (result < 0) {
        return result;
    }
    offline = wanted;
    return sd_bus_emit_properties_changed(bus, path, interface, property, NULL);
}

static const sd_bus_vtable vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_WRITABLE_PROPERTY("Offline", "i", NULL, set_offline, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_VTABLE_END,
};

static sd_bus *connect_to_bus(void) {
    sd_bus *bus = NULL;
    must(sd_bus_open_user(&bus), "the bus");
    return bus;
}

static int serve(sd_bus *bus) {
    for (;;) {
        int done = sd_bus_process(bus, NULL);
        must(done, "process");
        if (done == 0) {
            must(sd_bus_wait(bus, UINT64_MAX), "wait");
        }
    }
    return 0;
}

static int service(void) {
    sd_bus *bus = connect_to_bus();
    must(sd_bus_add_object_vtable(bus, NULL, PATH, NAME, vtable, &offline), "object");
    must(sd_bus_request_name(bus, NAME, 0), "name");
    send_time(STDOUT_FILENO, now());
    return serve(bus);
}

static int changed(sd_bus_message *message, void *context, sd_bus_error *error) {
    (void)message;
    (void)context;
    (void)error;
    send_time(STDOUT_FILENO, now());
    return 0;
}

static int listen_to(void) {
    sd_bus *bus = connect_to_bus();
    must(sd_bus_match_signal(bus, NULL, NAME, PATH, "org.freedesktop.DBus.Properties", "PropertiesChanged", changed, NULL),
         "match");
    send_time(STDOUT_FILENO, now());
    return serve(bus);
}

int main(int argc, char **argv) {
    sd_bus *bus;
    pid_t server;
    pid_t listener;
    int from_server;
    int from;
    int round;
    if (argc == 2 && strcmp(argv[1], "serve") == 0) {
        return service();
    }
    if (argc == 2 && strcmp(argv[1], "listen") == 0) {
        return listen_to();
    }
    from_server = start(argv[0], "serve", &server);
    receive_time(from_server);
    from = start(argv[0], "listen", &listener);
    receive_time(from);
    bus = connect_to_bus();
    for (round = 0; round < (argc == 2 ? atoi(argv[1]) : 0); round++) {
        nanoseconds begin;
        rest(round);
        begin = now();
        must(sd_bus_set_property(bus, NAME, PATH, NAME, "Offline", NULL, "i", round % 2), "set");
        printf("%lld\n", receive_time(from) - begin);
    }
    kill(server, SIGTERM);
    kill(listener, SIGTERM);
    waitpid(server, NULL, 0);
    waitpid(listener, NULL, 0);
    sd_bus_unref(bus);
    return 0;
}
