// The door to libfcgi and to the Linux calls the event loop needs.
#pragma once
#include <fcgiapp.h>
