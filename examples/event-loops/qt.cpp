// SPDX-License-Identifier: MIT OR Apache-2.0
// Notify on the thread of a Qt event loop. (On Windows QWinEventNotifier takes the place of QSocketNotifier.)
#include "watch.h"

#include <QCoreApplication>
#include <QSocketNotifier>

int main(int argc, char **argv) {
    QCoreApplication application(argc, argv);
    ptrdiff_t handle = watch_begin(L"Outlook");
    if (handle == -1) {
        return 1;
    }
    QSocketNotifier ready(static_cast<int>(handle), QSocketNotifier::Read);
    QObject::connect(&ready, &QSocketNotifier::activated, [&application] {
        watch_dispatch();
        if (watch_finished) {
            application.quit();
        }
    });
    application.exec();
    return watch_end();
}
