// The door to Jansson.
#pragma once
#include <jansson.h>

// Jansson names a function and an enumeration alike, which Swift cannot tell apart.
static inline int jansson_error_code(const json_error_t *error) { return (int)json_error_code(error); }
