// SeccompilerCommand: the seccompiler program.

#ifndef MAYFLY_JAILER_SECCOMPILER_COMMAND_H_
#define MAYFLY_JAILER_SECCOMPILER_COMMAND_H_

#include <span>

namespace mayfly {

// Compiles one file. Returns the exit status: 0; 1 with a line on standard error that names the
// file, and nothing written unless writing failed; 2 for a wrong command line. `arguments` come
// after the program's name.
int SeccompilerCommand(std::span<const char* const> arguments);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_SECCOMPILER_COMMAND_H_
