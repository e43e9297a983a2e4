// The door to OpenBLAS and LAPACKE.
#pragma once
#include <cblas.h>
#include <lapacke.h>
