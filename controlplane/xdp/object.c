/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/xdp/object.h"

#include <stdarg.h>
#include <stdio.h>

#include "bpf/sluice_xdp.skel.h"

void xdp_object_why(struct xdp_object *o, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(o->why, sizeof(o->why), format, args);
	va_end(args);
}

void xdp_object_pin(const struct xdp_object *o, const char *name, char *path)
{
	snprintf(path, LB_PIN_PATH_MAX, "%s/%s", o->pin_dir, name);
}

struct bpf_program *xdp_object_program(const struct xdp_object *o)
{
	return o->has_handover ? o->skel->progs.xsk_def_prog : o->skel->progs.sluice_xdp;
}
