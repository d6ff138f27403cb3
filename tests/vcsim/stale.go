package main

import (
	"encoding/json"
	"sync"
)

// guestMethods are what an idle session loses first: the calls that vCenter
// passes on to a service of its own.
var guestMethods = []string{
	"ListProcessesInGuest", "StartProgramInGuest", "TerminateProcessInGuest", "ReadEnvironmentVariableInGuest",
	"ValidateCredentialsInGuest", "ListFilesInGuest", "InitiateFileTransferFromGuest",
}

// staleTable knows which methods are NotAuthenticated although the session
// lives.
type staleTable struct {
	mu      sync.RWMutex
	methods map[string]bool
	// sessions are the ones that lost them; nil: every one, new ones too.
	sessions map[string]bool
}

var stale = &staleTable{}

// staleRequest is the body of POST /sessions/stale.
type staleRequest struct {
	// Methods default to those of guest operations.
	Methods *[]string `json:"methods"`
	// Always means sessions that log in later, too.
	Always bool `json:"always"`
}

// setStale is POST /sessions/stale.
func (a *admin) setStale(body []byte) (interface{}, error) {
	var req staleRequest
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	methods := guestMethods
	if req.Methods != nil {
		methods = *req.Methods
	}
	var sessions map[string]bool
	if !req.Always {
		sessions = map[string]bool{}
		for _, s := range a.world.sessions() {
			sessions[s.Key] = true
		}
	}
	stale.mu.Lock()
	defer stale.mu.Unlock()
	stale.methods, stale.sessions = map[string]bool{}, sessions
	for _, method := range methods {
		stale.methods[method] = true
	}
	return map[string]int{"sessions": len(sessions)}, nil
}

// refuses tells whether a session may not make a call.
func (t *staleTable) refuses(session, method string) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.methods[method] && (t.sessions == nil || t.sessions[session])
}
