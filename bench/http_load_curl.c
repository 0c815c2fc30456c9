/* libcurl as it is best used: multi_socket_action on epoll, easy handles prepared once and used
 * again; with one multi for all, or with many, for what a multi does by itself grows with its
 * handles. */
#include <curl/curl.h>
#include <stdlib.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "http_load.h"
#include "sys/clock.h"

#define MULTIS_MAX 64u
#define URL_SIZE 64u
#define EVENTS 256
#define NEVER UINT64_MAX

struct multi {
	CURLM *handle;
	uint64_t due_ms;
};

struct request {
	CURL *easy;
	struct multi *multi;
	uint64_t began;
};

static struct multi multis[MULTIS_MAX];
static uint32_t multi_count, request_count;
static struct request *requests;
static int epoll;
static uint64_t left, open_count;
/* Of which multi a socket is. */
static struct multi **by_fd;
static size_t by_fd_count;

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *known)
{
	(void)easy;
	struct epoll_event event = {.data = {.fd = fd},
		.events = (what & CURL_POLL_IN ? (unsigned)EPOLLIN : 0) |
			(what & CURL_POLL_OUT ? (unsigned)EPOLLOUT : 0)};
	if (what == CURL_POLL_REMOVE) {
		(void)epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	CHECK((size_t)fd < by_fd_count);
	by_fd[fd] = ctx;
	CHECK(epoll_ctl(epoll, known == NULL ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) == 0);
	if (known == NULL)
		CHECK(curl_multi_assign(((struct multi *)ctx)->handle, fd, ctx) == CURLM_OK);
	return 0;
}

static int on_timer(CURLM *handle, long timeout_ms, void *ctx)
{
	struct multi *m = ctx;
	(void)handle;
	m->due_ms = timeout_ms < 0 ? NEVER : clock_mono_ms() + (uint64_t)timeout_ms;
	return 0;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
	(void)bytes;
	(void)ctx;
	return size * count;
}

static void prepare(struct request *r, const char *url, struct curl_slist *headers)
{
	const struct {
		CURLoption option;
		long value;
	} number[] = {{CURLOPT_POST, 1}, {CURLOPT_POSTFIELDSIZE, sizeof HTTP_LOAD_BODY - 1},
		{CURLOPT_TIMEOUT_MS, HTTP_LOAD_TIMEOUT_MS}, {CURLOPT_NOSIGNAL, 1},
		{CURLOPT_TCP_NODELAY, 1}, {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1}};
	const struct {
		CURLoption option;
		const void *value;
	} pointer[] = {{CURLOPT_URL, url}, {CURLOPT_POSTFIELDS, HTTP_LOAD_BODY},
		{CURLOPT_HTTPHEADER, headers}, {CURLOPT_USERAGENT, "sluice"}, {CURLOPT_PROXY, ""},
		{CURLOPT_PRIVATE, r}};
	r->easy = curl_easy_init();
	CHECK(r->easy != NULL);
	for (size_t i = 0; i < ARRAY_LEN(number); i++)
		CHECK(curl_easy_setopt(r->easy, number[i].option, number[i].value) == CURLE_OK);
	for (size_t i = 0; i < ARRAY_LEN(pointer); i++)
		CHECK(curl_easy_setopt(r->easy, pointer[i].option, pointer[i].value) == CURLE_OK);
	CHECK(curl_easy_setopt(r->easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK);
}

static void open_many(uint16_t port, uint32_t in_flight, uint32_t count)
{
	char url[URL_SIZE];
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	headers = curl_slist_append(headers, "Expect:");
	(void)snprintf(url, sizeof url, "http://127.0.0.1:%u/", port);
	CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	requests = calloc(in_flight, sizeof *requests);
	by_fd_count = 4 * (size_t)in_flight + 64;
	by_fd = calloc(by_fd_count, sizeof *by_fd);
	CHECK(epoll >= 0 && headers != NULL && requests != NULL && by_fd != NULL);
	multi_count = count;
	request_count = in_flight;
	for (uint32_t i = 0; i < count; i++) {
		struct multi *m = &multis[i];
		*m = (struct multi){.handle = curl_multi_init(), .due_ms = NEVER};
		CHECK(m->handle != NULL);
		CHECK(curl_multi_setopt(m->handle, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK);
		CHECK(curl_multi_setopt(m->handle, CURLMOPT_SOCKETDATA, m) == CURLM_OK);
		CHECK(curl_multi_setopt(m->handle, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK);
		CHECK(curl_multi_setopt(m->handle, CURLMOPT_TIMERDATA, m) == CURLM_OK);
		CHECK(curl_multi_setopt(m->handle, CURLMOPT_MAXCONNECTS, (long)in_flight) ==
			CURLM_OK);
	}
	for (uint32_t i = 0; i < in_flight; i++) {
		requests[i].multi = &multis[i % count];
		prepare(&requests[i], url, headers);
	}
}

static void open_one(uint16_t port, uint32_t in_flight)
{
	open_many(port, in_flight, 1);
}

static void open_64(uint16_t port, uint32_t in_flight)
{
	open_many(port, in_flight, MULTIS_MAX);
}

static void send_one(struct request *r)
{
	left--;
	open_count++;
	r->began = http_load_began();
	CHECK(curl_multi_add_handle(r->multi->handle, r->easy) == CURLM_OK);
}

static void act(struct multi *m, curl_socket_t fd, int what)
{
	int running, more;
	CURLMsg *message;
	CHECK(curl_multi_socket_action(m->handle, fd, what, &running) == CURLM_OK);
	while ((message = curl_multi_info_read(m->handle, &more)) != NULL) {
		struct request *r = NULL;
		long status = 0;
		const CURLcode result = message->data.result;
		CHECK(curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &r) == CURLE_OK);
		CHECK(curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK);
		CHECK(curl_multi_remove_handle(m->handle, r->easy) == CURLM_OK);
		open_count--;
		http_load_ended(r->began, result == CURLE_OK && status == 200);
		if (left > 0)
			send_one(r);
	}
}

static int wait_ms(uint64_t now_ms)
{
	uint64_t due_ms = NEVER;
	for (uint32_t i = 0; i < multi_count; i++)
		due_ms = multis[i].due_ms < due_ms ? multis[i].due_ms : due_ms;
	return due_ms == NEVER ? -1 : due_ms <= now_ms ? 0 : (int)(due_ms - now_ms);
}

static void run(uint64_t count)
{
	struct epoll_event events[EVENTS];
	left = count;
	for (uint32_t i = 0; i < request_count && left > 0; i++)
		send_one(&requests[i]);
	while (open_count > 0) {
		const int ready = epoll_wait(epoll, events, EVENTS, wait_ms(clock_mono_ms()));
		for (int i = 0; i < ready; i++)
			act(by_fd[events[i].data.fd], events[i].data.fd,
				(events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
					(events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
					(events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR
										  : 0));
		const uint64_t now_ms = clock_mono_ms();
		for (uint32_t i = 0; i < multi_count; i++) {
			if (multis[i].due_ms > now_ms)
				continue;
			multis[i].due_ms = NEVER;
			act(&multis[i], CURL_SOCKET_TIMEOUT, 0);
		}
	}
}

const struct http_load_way http_load_curl = {.name = "curl", .open = open_one, .run = run},
			   http_load_curl_64 = {.name = "curl_64", .open = open_64, .run = run};
