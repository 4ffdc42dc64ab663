// Groups of system calls, named after what they are for; SeccompPolicy puts them together.

#ifndef MAYFLY_JAILER_SECCOMP_GROUPS_H_
#define MAYFLY_JAILER_SECCOMP_GROUPS_H_

#include <vector>

#include "jailer/syscall_rule.h"

namespace mayfly {

using SyscallRules = std::vector<SyscallRule>;

// What any thread does: memory, locks, the log, its end.
SyscallRules AllowThreadLife();
SyscallRules AllowMemory();
SyscallRules AllowLocks();
SyscallRules AllowLog();
// What the handlers of fatal signals do, on whichever thread.
SyscallRules AllowLastWords();

// A vCPU's own.
SyscallRules AllowKvmRun();
SyscallRules AllowRegisterDump();

// The loop's, from the guest's first instruction on.
SyscallRules AllowRing();
SyscallRules AllowConnections();
SyscallRules AllowSignals();
SyscallRules AllowVcpuControl();
SyscallRules AllowFiles();
SyscallRules AllowTerminal();
SyscallRules AllowDisks();
SyscallRules AllowNetwork();
SyscallRules AllowRandom();
SyscallRules AllowSnapshotSave();
SyscallRules AllowGuestMemoryAdvice();

// Before the guest runs only.
SyscallRules AllowThreadStart();
SyscallRules AllowConfinement();
SyscallRules AllowApiSocket();
SyscallRules AllowVmCreation();
SyscallRules AllowVcpuCreation();
SyscallRules AllowGuestMemoryCreation();
SyscallRules AllowDeviceCreation();
SyscallRules AllowUserfault();
SyscallRules AllowLimits();

}  // namespace mayfly

#endif  // MAYFLY_JAILER_SECCOMP_GROUPS_H_
