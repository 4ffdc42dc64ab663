// RingIntrusion: puts an operation into the monitor's own ring, behind its back.

#ifndef MAYFLY_TESTS_ESCAPE_RING_INTRUSION_H_
#define MAYFLY_TESTS_ESCAPE_RING_INTRUSION_H_

#include <liburing.h>

namespace mayfly {

// Before the monitor starts: where in a ring's memory its parts are, from a ring like the
// monitor's.
void LearnRingLayout();

// On the loop's thread: submits `entry` to the first ring among the process's descriptors, by
// mappings of its memory of our own. The operation's result, or a negative errno.
int SubmitToMonitorRing(io_uring_sqe entry);

}  // namespace mayfly

#endif  // MAYFLY_TESTS_ESCAPE_RING_INTRUSION_H_
