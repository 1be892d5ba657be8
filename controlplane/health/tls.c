/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/health/tls.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <stdlib.h>

/* Shared by the probe and its SSL_CTX: libcurl may close a connection after its transfer. */
struct health_tls {
	unsigned int holders;
	int version; /* 0: nothing received */
	int alert;   /* level and description, 0: none */
	bool is_taken;
	bool output_ended;
	void (*connected)(void *arg);
	void *arg; /* lives as long as the transfer */
};

void health_tls_release(struct health_tls *tls)
{
	if (tls && --tls->holders == 0)
		free(tls);
}

static void tls_on_free(void *parent, void *value, CRYPTO_EX_DATA *data, int index, long argl,
			void *argp)
{
	(void)parent;
	(void)data;
	(void)index;
	(void)argl;
	(void)argp;
	health_tls_release(value);
}

/*
 * A server that refuses sends an alert and closes, and what is written then is answered with a
 * reset. The write error must not hide the pending alert; if there is none, the read fails as well.
 */
static long tls_on_bio(BIO *bio, int oper, const char *data, size_t size, int argi, long argl,
		       int result, size_t *processed)
{
	(void)data;
	(void)argi;
	(void)argl;
	if (oper != (BIO_CB_WRITE | BIO_CB_RETURN) || result > 0 || BIO_should_retry(bio))
		return result;
	*processed = size;
	return 1;
}

static void tls_on_message(int is_sent, int version, int type, const void *data, size_t size,
			   SSL *ssl, void *arg)
{
	const unsigned char *bytes = data;
	struct health_tls *tls = arg;

	(void)version;
	if (is_sent) {
		BIO_set_callback_ex(SSL_get_wbio(ssl), tls_on_bio);
		return;
	}
	tls->version = SSL_version(ssl);
	if (type == SSL3_RT_HANDSHAKE && size > 0 && bytes[0] == SSL3_MT_NEWSESSION_TICKET)
		tls->is_taken = true;
	if (type != SSL3_RT_ALERT || size != 2 || bytes[0] != SSL3_AL_FATAL)
		return;
	/* OpenSSL reports an end without close_notify as a decode error */
	if (tls->output_ended && bytes[1] == SSL_AD_DECODE_ERROR)
		tls->is_taken = true;
	else
		tls->alert = bytes[0] << 8 | bytes[1];
}

static CURLcode tls_on_ctx(CURL *easy, void *ssl_ctx, void *arg)
{
	static int index = -1;
	struct health_tls *tls = arg;
	SSL_CTX *ctx = ssl_ctx;

	(void)easy;
	tls->connected(tls->arg);
	if (index < 0)
		index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, tls_on_free);
	if (index < 0 || SSL_CTX_set_ex_data(ctx, index, tls) != 1)
		return CURLE_OUT_OF_MEMORY;
	tls->holders++;
	SSL_CTX_set_msg_callback(ctx, tls_on_message);
	SSL_CTX_set_msg_callback_arg(ctx, tls);
	return CURLE_OK;
}

struct health_tls *health_tls_attach(CURL *easy, void (*connected)(void *arg), void *arg)
{
	struct health_tls *tls = calloc(1, sizeof(*tls));

	if (!tls)
		return NULL;
	tls->holders = 1;
	tls->connected = connected;
	tls->arg = arg;
	if (curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, tls_on_ctx) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, tls) != CURLE_OK) {
		free(tls);
		errno = ENOMEM;
		return NULL;
	}
	return tls;
}

const char *health_tls_alert(const struct health_tls *tls)
{
	return tls->alert ? SSL_alert_desc_string_long(tls->alert) : NULL;
}

bool health_tls_is_open(const struct health_tls *tls)
{
	return tls->version == TLS1_3_VERSION && !tls->is_taken && !tls->alert;
}

bool health_tls_is_taken(const struct health_tls *tls)
{
	return tls->is_taken;
}

void health_tls_end_output(struct health_tls *tls)
{
	tls->output_ended = true;
}
