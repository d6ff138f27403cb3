/*
 * What vpoller.so and Zabbix share: the five functions that Zabbix calls, and the structures they pass, in the layout of each
 * release. The module needs no header of Zabbix, and nobody needs this one to use the module.
 */

#ifndef VPOLLER_H
#define VPOLLER_H

/* Generated from module/src/abi.rs (see tests/structure/header.rs); do not edit. */

#include <stdint.h>

// What `zbx_module_api_version` answers to Zabbix 2.2, 2.4 and 3.0.
#define VPOLLER_API_VERSION_1 1

// What `zbx_module_api_version` answers to Zabbix 3.2 and later.
#define VPOLLER_API_VERSION_2 2

// Returned by `zbx_module_init` and `zbx_module_uninit`: all is well.
#define VPOLLER_MODULE_OK 0

// Returned by `zbx_module_init`: Zabbix must not go on with this module.
#define VPOLLER_MODULE_FAIL -1

// Returned by an item function: the result holds a value.
#define VPOLLER_RET_OK 0

// Returned by an item function: the result holds a message, the item becomes not supported.
#define VPOLLER_RET_FAIL 1

// Flag of a metric: its key takes parameters.
#define VPOLLER_CF_HAVEPARAMS 1

// Bit of a result's `kind`: `str` holds the value.
#define VPOLLER_AR_STRING 4

// Bit of a result's `kind`: `msg` holds the reason why there is no value.
#define VPOLLER_AR_MESSAGE 32

// The part of an item's request that every release has.
struct vpoller_request {
    // The key without its parameters.
    char *key;
    // Number of parameters.
    int nparam;
    // The parameters, `nparam` strings that belong to Zabbix.
    char **params;
};

// One item key; the same in every release. Zabbix writes to `flags`.
struct vpoller_metric {
    // Name of the key; null in the entry that ends the list.
    const char *key;
    // `CF_HAVEPARAMS` or 0.
    unsigned int flags;
    // Called for every check of this key.
    int (*function)(const struct vpoller_request *request, void *result);
    // Parameters that `zabbix_agentd -p` tries the key with; null for none.
    const char *test_param;
};

// An item's request from Zabbix 7.0 on. Earlier ones end at or before `types`.
struct vpoller_request_7_0 {
    // What every release has.
    struct vpoller_request head;
    // Not used.
    uint64_t lastlogsize;
    // Not used.
    int mtime;
    // Not used.
    int *types;
    // Seconds this check may take.
    int timeout;
};

// Where an item's result goes in Zabbix 2.2 and 2.4.
struct vpoller_result_2_2 {
    // `AR_STRING` or `AR_MESSAGE`.
    int kind;
    // Not used.
    uint64_t ui64;
    // Not used.
    double dbl;
    // The value, from libc's `malloc`.
    char *str;
    // Not used.
    char *text;
    // The reason why there is no value, from libc's `malloc`.
    char *msg;
    // Not used.
    void *logs;
};

// Where an item's result goes from Zabbix 3.0 on. Since 7.0 the structure is longer, behind what is declared here.
struct vpoller_result_3_0 {
    // Not used.
    uint64_t lastlogsize;
    // Not used.
    uint64_t ui64;
    // Not used.
    double dbl;
    // The value, from libc's `malloc`.
    char *str;
    // Not used.
    char *text;
    // The reason why there is no value, from libc's `malloc`.
    char *msg;
    // Not used.
    void *log;
    // `AR_STRING` or `AR_MESSAGE`.
    int kind;
    // Not used.
    int mtime;
};

// Where an item's result goes from Zabbix 7.0 on.
struct vpoller_result_7_0 {
    // What Zabbix 3.0 has.
    struct vpoller_result_3_0 head;
    // Not used.
    char *bin;
};

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Tells Zabbix which kind of module this is. The first function called: from here on it is known who the host is.
int zbx_module_api_version(void);

// Writes the first log lines; refuses to go on only in a host whose structures are unknown.
int zbx_module_init(void);

// Does nothing: it may run inside a signal handler, and there is nothing to give back.
int zbx_module_uninit(void);

// The item keys, ended by an entry without a key.
struct vpoller_metric *zbx_module_item_list(void);

// Takes the daemon's `Timeout` in seconds.
void zbx_module_item_timeout(int seconds);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* VPOLLER_H */
