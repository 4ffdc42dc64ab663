// EscapeRoutine: what somebody would try who has taken over a thread of the monitor.

#ifndef MAYFLY_TESTS_ESCAPE_ESCAPE_ROUTINE_H_
#define MAYFLY_TESTS_ESCAPE_ESCAPE_ROUTINE_H_

namespace mayfly {

// On which thread the routine runs.
enum class EscapeThread { kVcpu, kLoop };

// Whether the routine is one for this thread.
bool IsEscapeFor(EscapeThread thread);

// Runs the routine on the calling thread and writes one line to standard error: "ESCAPE execve:
// refused: Permission denied" or "ESCAPE execve: SUCCEEDED". A call that a filter traps ends the
// process instead.
void RunEscape();

// Before the monitor confines itself. `choice` is a thread and a routine's name, "vcpu:execve".
// Looks up what the routines need to know of the host, as an intruder knows it from elsewhere. Ends
// the program when there is no such routine.
void PrepareEscape(const char* choice);

// Prints the names, one a line.
void PrintEscapes();

}  // namespace mayfly

#endif  // MAYFLY_TESTS_ESCAPE_ESCAPE_ROUTINE_H_
