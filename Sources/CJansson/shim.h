// The door to Jansson.
#pragma once
#include <jansson.h>
