/*
 * Plays a Zabbix daemon of one generation: exports the names that generation exports, loads the module as its loader does, runs
 * items with structures of exactly its size, and forks workers. The structures are declared here, independently of the module's
 * header, and compared with it.
 *
 * cc -DPROFILE="'A'" -rdynamic host.c; then: host LIBRARY COMMAND...
 *
 *   A  2.2, 2.4      B  3.0      O  3.2, 3.4      C  4.0 to 6.0      P  6.4      D  7.0 to 7.4
 *   N  8.0, from its development sources: names and members are those of 7.0. Both structures have one member more at their end,
 *      as a release may get; the module may not touch it.
 *   E  a build that exports nothing      X  3.0 or before, but which of them cannot be told
 *
 * Commands: see main. What the host sees is printed, one line each; the test reads it. A line "BROKEN ..." and exit status 3
 * mean that the module did what Zabbix would not survive.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vpoller.h"

/* ---- the structures of each generation ------------------------------------------------------------------------------ */

typedef struct {
    char *key;
    unsigned flags;
    int (*function)();
    char *test_param;
} metric_t;

typedef struct {
    char *key;
    int nparam;
    char **params;
    uint64_t lastlogsize;
    int mtime;
} request_2_2;

typedef struct {
    char *key;
    int nparam;
    char **params;
    uint64_t lastlogsize;
    int mtime;
    int *types;
} request_5_0;

typedef struct {
    char *key;
    int nparam;
    char **params;
    uint64_t lastlogsize;
    int mtime;
    int *types;
    int timeout;
} request_7_0;

typedef struct {
    char *key;
    int nparam;
    char **params;
    uint64_t lastlogsize;
    int mtime;
    int *types;
    int timeout;
    void *later;
} request_8_0;

typedef struct {
    int type;
    uint64_t ui64;
    double dbl;
    char *str;
    char *text;
    char *msg;
    void **logs;
} result_2_2;

typedef struct {
    uint64_t lastlogsize;
    uint64_t ui64;
    double dbl;
    char *str;
    char *text;
    char *msg;
    void *log;
    int type;
    int mtime;
} result_3_0;

typedef struct {
    uint64_t lastlogsize;
    uint64_t ui64;
    double dbl;
    char *str;
    char *text;
    char *msg;
    void *log;
    int type;
    int mtime;
    char *bin;
} result_7_0;

typedef struct {
    uint64_t lastlogsize;
    uint64_t ui64;
    double dbl;
    char *str;
    char *text;
    char *msg;
    void *log;
    int type;
    int mtime;
    char *bin;
    uint64_t later;
} result_8_0;

#define SAME(ours, member, theirs, field) _Static_assert(offsetof(ours, member) == offsetof(struct theirs, field), #ours " " #member)
#define SIZE(what, bytes) _Static_assert(sizeof(what) == (bytes), #what)

SIZE(metric_t, 32);
SIZE(struct vpoller_metric, 32);
SAME(metric_t, key, vpoller_metric, key);
SAME(metric_t, flags, vpoller_metric, flags);
SAME(metric_t, function, vpoller_metric, function);
SAME(metric_t, test_param, vpoller_metric, test_param);
SIZE(request_2_2, 40);
SIZE(request_5_0, 48);
SIZE(request_7_0, 56);
SIZE(struct vpoller_request_7_0, 56);
SAME(request_2_2, key, vpoller_request, key);
SAME(request_2_2, nparam, vpoller_request, nparam);
SAME(request_2_2, params, vpoller_request, params);
SAME(request_5_0, params, vpoller_request, params);
SAME(request_7_0, params, vpoller_request_7_0, head.params);
SAME(request_7_0, types, vpoller_request_7_0, types);
SAME(request_7_0, timeout, vpoller_request_7_0, timeout);
SAME(request_8_0, params, vpoller_request_7_0, head.params);
SAME(request_8_0, timeout, vpoller_request_7_0, timeout);
SIZE(result_2_2, 56);
SIZE(struct vpoller_result_2_2, 56);
SAME(result_2_2, type, vpoller_result_2_2, kind);
SAME(result_2_2, str, vpoller_result_2_2, str);
SAME(result_2_2, msg, vpoller_result_2_2, msg);
SIZE(result_3_0, 64);
SIZE(struct vpoller_result_3_0, 64);
SAME(result_3_0, type, vpoller_result_3_0, kind);
SAME(result_3_0, str, vpoller_result_3_0, str);
SAME(result_3_0, msg, vpoller_result_3_0, msg);
SIZE(result_7_0, 72);
SIZE(struct vpoller_result_7_0, 72);
SAME(result_7_0, type, vpoller_result_7_0, head.kind);
SAME(result_7_0, msg, vpoller_result_7_0, head.msg);
SAME(result_7_0, bin, vpoller_result_7_0, bin);
SAME(result_8_0, type, vpoller_result_7_0, head.kind);
SAME(result_8_0, msg, vpoller_result_7_0, head.msg);
SAME(result_8_0, bin, vpoller_result_7_0, bin);

#define IS(profile) (PROFILE == profile)
#define API_1 (IS('A') || IS('B') || IS('X'))

#define HAS_TIMEOUT (IS('D') || IS('N'))

#if IS('D')
typedef request_7_0 request_t;
typedef result_7_0 result_t;
#elif IS('N')
typedef request_8_0 request_t;
typedef result_8_0 result_t;
#elif IS('A') || IS('X')
typedef request_2_2 request_t;
typedef result_2_2 result_t;
#elif IS('C') || IS('P')
typedef request_5_0 request_t;
typedef result_3_0 result_t;
#else
typedef request_2_2 request_t;
typedef result_3_0 result_t;
#endif

/* ---- the names each generation exports ------------------------------------------------------------------------------ */

static int level = 3;
static const char *phase = "load";

#if !IS('E')
static void say_log(int line_level, const char *format, va_list arguments)
{
    char text[65536];
    vsnprintf(text, sizeof text, format, arguments);
    printf("log %d %s\n", line_level, text);
}

#define LOG_FUNCTION(name, drops)                             \
    void name(int line_level, const char *format, ...)        \
    {                                                         \
        va_list arguments;                                    \
        if (drops && line_level != 127 && line_level > level) \
            return;                                           \
        va_start(arguments, format);                          \
        say_log(line_level, format, arguments);               \
        va_end(arguments);                                    \
    }
#endif

#if IS('A') || IS('B') || IS('X')
void load_modules(void) {}
#elif !IS('E')
void zbx_load_modules(void) {}
#endif
#if IS('A') || IS('X')
void zbx_logs_free(void) {}
#endif
#if IS('B') || IS('O') || IS('C') || IS('P') || IS('X')
void zbx_log_free(void) {}
#endif
#if IS('A') || IS('B') || IS('O') || IS('X')
LOG_FUNCTION(__zbx_zabbix_log, 1)
#elif IS('C')
int zbx_log_level = 3;
#define HOST_LEVEL zbx_log_level
LOG_FUNCTION(__zbx_zabbix_log, 0)
#elif IS('P')
__thread int *zbx_plog_level = &level;
LOG_FUNCTION(__zbx_zabbix_log, 0)
#elif HAS_TIMEOUT
int zbx_get_log_level(void) { return level; }
LOG_FUNCTION(zbx_log_handle, 0)
#endif
#ifndef HOST_LEVEL
#define HOST_LEVEL level
#endif

/* ---- checks --------------------------------------------------------------------------------------------------------- */

#define CANARY 0xA5

static void broken(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("BROKEN during %s: ", phase);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    fflush(stdout);
    _exit(3);
}

/* Memory whose last byte is the last of a page, with pages around it that nobody may touch, filled with the canary. */
static void *at_the_edge(size_t size, unsigned char **start)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *area = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED || mprotect(area + page, page, PROT_READ | PROT_WRITE) != 0)
        broken("no memory for the host");
    memset(area + page, CANARY, page);
    *start = area + page;
    return area + 2 * page - size;
}

static void check_canary(const unsigned char *start, const void *end, const char *what)
{
    for (; start < (const unsigned char *)end; start++)
        if (*start != CANARY)
            broken("wrote before the %s", what);
}

static long milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int entries(const char *folder)
{
    DIR *directory = opendir(folder);
    struct dirent *entry;
    int count = 0;
    while (directory != NULL && (entry = readdir(directory)) != NULL)
        count += entry->d_name[0] != '.';
    if (directory != NULL)
        closedir(directory);
    return count;
}

/* ---- loading and running ---------------------------------------------------------------------------------------------- */

static void *library;
static metric_t *metrics;
static int (*uninit)(void);
static int item_timeout = 3;
static request_t *request;
static result_t *result;
static unsigned char *request_page, *result_page;

static void load(const char *path)
{
    int (*version)(void), (*init)(void), wanted = API_1 ? 1 : 2, got;
    metric_t *(*list)(void);
    void (*timeout)(int);

    if ((library = dlopen(path, RTLD_NOW)) == NULL) {
        printf("cannot load module: %s\n", dlerror());
        exit(1);
    }
    *(void **)&version = dlsym(library, "zbx_module_api_version");
    *(void **)&init = dlsym(library, "zbx_module_init");
    *(void **)&list = dlsym(library, "zbx_module_item_list");
    *(void **)&timeout = dlsym(library, "zbx_module_item_timeout");
    *(void **)&uninit = dlsym(library, "zbx_module_uninit");
    if (version == NULL || init == NULL || list == NULL || timeout == NULL || uninit == NULL)
        broken("a function is missing");
    if (dlsym(library, "zbx_module_history_write_cbs") != NULL)
        broken("there is a history function");
    if ((got = version()) != wanted) {
        printf("unsupported module version: %d\n", got);
        exit(1);
    }
    if (init() != 0) {
        printf("cannot initialize module\n");
        exit(1);
    }
    if (API_1)
        timeout(item_timeout);
    for (metrics = list(); metrics->key != NULL; metrics++) {
        metrics->flags &= 1;
        metrics->flags |= 2;
    }
    metrics = list();
    if (!API_1)
        timeout(item_timeout);
    printf("loaded\n");
}

/* Runs "key|parameter|..." and returns "s value" or "m message", to be freed. */
static char *run(const char *item)
{
    char *copy = strdup(item), *cursor = copy, *params[16], *key = strsep(&cursor, "|"), *text, *answer;
    metric_t *metric = metrics;
    int count = 0, code, type;

    while (cursor != NULL && count < 16) {
        params[count] = strdup(strsep(&cursor, "|"));
        count++;
    }
    while (metric->key != NULL && strcmp(metric->key, key) != 0)
        metric++;
    if (metric->key == NULL || metric->flags != 3)
        broken("no key %s", key);
    request->key = key;
    request->nparam = count;
    request->params = params;
    memset(&result->ui64, 0, sizeof result->ui64);
    result->dbl = 0;
    result->str = result->text = result->msg = NULL;
    result->type = 0;

    phase = item;
    code = metric->function(request, result);

    check_canary(request_page, request, "request");
    check_canary(result_page, result, "result");
    type = result->type;
#if !IS('A') && !IS('X')
    if (result->lastlogsize != 0xA5A5A5A5A5A5A5A5 || result->mtime != (int)0xA5A5A5A5)
        broken("wrote to a field that is not the module's");
#endif
#if IS('N')
    if (result->later != 0xA5A5A5A5A5A5A5A5 || result->bin != (char *)0xA5A5A5A5A5A5A5A5)
        broken("wrote to a field that is not the module's");
#endif
    if (result->text != NULL || result->ui64 != 0)
        broken("wrote a second value");
    if (code == 0 && (type != 0x04 || result->str == NULL || result->msg != NULL))
        broken("success with type %d", type);
    if (code != 0 && (code != 1 || type != 0x20 || result->msg == NULL || result->str != NULL))
        broken("code %d with type %d", code, type);
    text = code == 0 ? result->str : result->msg;
    if (malloc_usable_size(text) <= strlen(text))
        broken("a text longer than its block");
    if (asprintf(&answer, "%c %s", code == 0 ? 's' : 'm', text) < 0)
        broken("no memory for the host");
    free(text);
    for (int i = 0; i < count; i++) {
        memset(params[i], 'X', strlen(params[i])); /* Zabbix takes its strings back */
        free(params[i]);
    }
    free(copy);
    phase = "the host's own work";
    return answer;
}

static void run_and_print(const char *item)
{
    char *answer = run(item);
    printf("%s\n", answer);
    free(answer);
}

/* Forks workers that run an item again and again. A % in it is replaced by something unique, which must be the value. */
static void run_in_children(const char *argument)
{
    int children, calls, offset, status, failed = 0;

    if (sscanf(argument, "%d:%d:%n", &children, &calls, &offset) != 2)
        broken("bad command %s", argument);
    fflush(stdout);
    for (int child = 0; child < children; child++) {
        if (fork() != 0)
            continue;
        const char *item = argument + offset, *mark = strchr(item, '%');
        for (int number = 0; number < calls; number++) {
            char unique[64], text[4096], *answer;
            snprintf(unique, sizeof unique, "%d-%d", getpid(), number);
            snprintf(text, sizeof text, "%.*s%s%s", (int)(mark - item), item, unique, mark + 1);
            answer = run(text);
            if (strcmp(answer + 2, unique) != 0)
                broken("wanted %s, got %s", unique, answer);
            free(answer);
        }
        fflush(stdout);
        _exit(0);
    }
    while (wait(&status) > 0 || errno == EINTR)
        failed += status != 0;
    printf("children %d failed %d\n", children, failed);
}

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
    (void)number;
    signals++;
}

static void leave(int number)
{
    (void)number;
    exit(0); /* as agents up to 4.2 do */
}

/* A worker that waits for vPoller is told to end, and does so at once. */
static void terminate_while_waiting(const char *item)
{
    int status, ready[2];
    char byte = 0;
    pid_t child;
    long start;

    if (pipe(ready) != 0)
        broken("no pipe");
    fflush(stdout);
    if ((child = fork()) == 0) {
        struct sigaction action = {.sa_handler = leave};
        sigaction(SIGTERM, &action, NULL);
        if (write(ready[1], &byte, 1) != 1)
            _exit(4);
        free(run(item));
        _exit(5);
    }
    if (read(ready[0], &byte, 1) != 1)
        broken("the child did not start");
    /* It waits when its threads are there. */
    char tasks[64];
    snprintf(tasks, sizeof tasks, "/proc/%d/task", child);
    for (start = milliseconds(); entries(tasks) < 3;)
        if (milliseconds() - start > 10000)
            broken("the child never began to wait");
    kill(child, SIGTERM);
    start = milliseconds();
    waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        broken("the child ended with status %d", status);
    printf("%s\n", milliseconds() - start < 5000 ? "ended at once" : "ended late");
    close(ready[0]);
    close(ready[1]);
}

static void storm(int interval)
{
    static timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec every = {.it_interval = {.tv_nsec = interval * 1000000L}, .it_value = {.tv_nsec = interval * 1000000L}};
    struct sigaction action = {.sa_handler = count_signal}; /* no SA_RESTART, as Zabbix */

    if (interval == 0) {
        timer_delete(timer);
        printf("signals %d\n", (int)signals);
        return;
    }
    sigaction(SIGUSR1, &action, NULL);
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 || timer_settime(timer, 0, &every, NULL) != 0)
        broken("no timer");
}

int main(int count, char **arguments)
{
    const char *timeout = getenv("HOST_TIMEOUT"), *verbose = getenv("HOST_LEVEL");

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count < 2)
        return 2;
    if (timeout != NULL)
        item_timeout = atoi(timeout);
    if (verbose != NULL)
        HOST_LEVEL = atoi(verbose);
    request = at_the_edge(sizeof *request, &request_page);
    result = at_the_edge(sizeof *result, &result_page);
#if HAS_TIMEOUT
    request->timeout = item_timeout;
#endif
    load(arguments[1]);
    for (int i = 2; i < count; i++) {
        char *command = strsep(&arguments[i], ":"), *argument = arguments[i];
        if (strcmp(command, "item") == 0) { /* item:KEY|PARAMETER... */
            run_and_print(argument);
        } else if (strcmp(command, "time") == 0) { /* the same, with the milliseconds it took */
            long start = milliseconds();
            run_and_print(argument);
            printf("took %ld\n", milliseconds() - start);
        } else if (strcmp(command, "fork") == 0) { /* fork:CHILDREN:CALLS:KEY|...%... */
            run_in_children(argument);
        } else if (strcmp(command, "terminate") == 0) { /* terminate:KEY|... */
            terminate_while_waiting(argument);
        } else if (strcmp(command, "storm") == 0) { /* storm:MILLISECONDS between signals, 0 ends it */
            storm(atoi(argument));
        } else if (strcmp(command, "count") == 0) { /* what the process owns */
            printf("descriptors %d threads %d\n", entries("/proc/self/fd"), entries("/proc/self/task"));
        } else if (strcmp(command, "uninit") == 0) {
            phase = "uninit";
            if (uninit() != 0 || dlclose(library) != 0)
                broken("the module would not go");
            printf("closed\n");
        } else if (strcmp(command, "load") == 0) { /* load:LIBRARY, once more */
            load(argument);
        } else {
            broken("unknown command %s", command);
        }
    }
    return 0;
}
