// The ways to speak with the servers that are compared.
#ifndef DIALECT_H
#define DIALECT_H

#include "client.h"

// The dialect of that name, or NULL.
const dialect *dialect_named(const char *name);

// The name of a client.
enum { NAME_BYTES = 11 };
void name_write(char out[NAME_BYTES + 1], uint32_t index);

#endif
