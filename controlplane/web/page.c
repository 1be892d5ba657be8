/* SPDX-License-Identifier: BSD-3-Clause */
/* The status page: one document, which is in the program. */
#include <event2/buffer.h>
#include <event2/http.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/web/internal.h"

#define POLICY_MAX 512
#define HASH_BYTES 32

__asm__(".pushsection .rodata\n"
	".global web_page_text\n"
	"web_page_text:\n"
	".incbin \"controlplane/web/page.html\"\n"
	".byte 0\n"
	".popsection\n");

extern const char web_page_text[];

/* Write the hash of what is inside of an element, as the policy takes it. Source: CSP level 3, 2.3.1. */
static int hash_write(const char *open, const char *close, char *text, size_t size)
{
	const char *begin = strstr(web_page_text, open), *end = begin ? strstr(begin, close) : NULL;
	unsigned char hash[HASH_BYTES], base64[4 * (HASH_BYTES + 2) / 3 + 1];
	unsigned int bytes = 0;

	if (!end)
		return -1;
	begin += strlen(open);
	if (!EVP_Digest(begin, (size_t)(end - begin), hash, &bytes, EVP_sha256(), NULL) ||
	    bytes != HASH_BYTES)
		return -1;
	EVP_EncodeBlock(base64, hash, HASH_BYTES);
	snprintf(text, size, "'sha256-%s'", (const char *)base64);
	return 0;
}

/* Only the page's own script and style, and connections to where it came from. */
static const char *policy(void)
{
	static char text[POLICY_MAX];
	char script[64], style[64];

	if (text[0])
		return text;
	if (hash_write("<script>", "</script>", script, sizeof(script)) ||
	    hash_write("<style>", "</style>", style, sizeof(style)))
		return "default-src 'none'";
	snprintf(text, sizeof(text),
		 "default-src 'none'; script-src %s; style-src %s; connect-src 'self'; "
		 "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		 script, style);
	return text;
}

void web_page(struct web *web, struct evhttp_request *request)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
	struct evbuffer *body = evbuffer_new();

	if (!body ||
	    evbuffer_add_reference(body, web_page_text, strlen(web_page_text), NULL, NULL)) {
		web_refuse(web, request, HTTP_SERVUNAVAIL, "no memory");
	} else {
		web_headers(request, "text/html; charset=utf-8");
		evhttp_add_header(headers, "Content-Security-Policy", policy());
		evhttp_add_header(headers, "Referrer-Policy", "no-referrer");
		evhttp_add_header(headers, "X-Frame-Options", "DENY");
		evhttp_send_reply(request, HTTP_OK, NULL, body);
	}
	if (body)
		evbuffer_free(body);
}
