/* SPDX-License-Identifier: MIT
 * The calling thread's last error. */
#ifndef FAGEN_PUBLISH_H
#define FAGEN_PUBLISH_H

#include "error.h"

/* Every public function that can fail ends with this: keeps the text for fa_last_error and returns `status`.  A success leaves the
 * last failure's text alone and costs nothing. */
fa_status fa_publish(fa_status status, const fa_error *error);

#endif
