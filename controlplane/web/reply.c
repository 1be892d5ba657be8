/* SPDX-License-Identifier: BSD-3-Clause */
#include <event2/buffer.h>

#include "controlplane/web/internal.h"

void web_headers(struct evhttp_request *request, const char *type)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);

	evhttp_add_header(headers, "Content-Type", type);
	evhttp_add_header(headers, "Cache-Control", "no-store");
	evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
}

void web_refuse(struct web *web, struct evhttp_request *request, int code, const char *why)
{
	struct evbuffer *body = evbuffer_new();

	web->stats.refused++;
	web_headers(request, "text/plain; charset=utf-8");
	if (body)
		evbuffer_add_printf(body, "%s\n", why);
	evhttp_send_reply(request, code, NULL, body);
	if (body)
		evbuffer_free(body);
}
