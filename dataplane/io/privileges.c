/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/io/privileges.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dataplane/io/logger.h"

#define NICE (-10)

int privileges_check(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { { 0 } };
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

	if (syscall(SYS_capget, &header, data) ||
	    !(data[CAP_TO_INDEX(CAP_NET_ADMIN)].effective & CAP_TO_MASK(CAP_NET_ADMIN))) {
		logger_err("run it as root (or with CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF,"
			   " CAP_SYS_ADMIN and CAP_IPC_LOCK)");
		return -EPERM;
	}
	/* Kernels before 5.11 count the memory of XDP sockets and BPF maps there. */
	if (setrlimit(RLIMIT_MEMLOCK, &unlimited))
		logger_debug("the limit of locked memory stays as it is");
	/* Packets are lost while a worker waits for its CPU behind somebody else's time slice. */
	if (setpriority(PRIO_PROCESS, 0, NICE))
		logger_debug("the priority stays as it is");
	return 0;
}
