package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"regexp"
	"strings"
	"sync"
)

// account may log in. The first one comes from the command line, POST /account
// adds more.
type account struct {
	password string
	// limited says that the account sees only what is at or below some objects.
	limited bool
	below   []ref
	// alone takes the rights on what is below them away again.
	alone bool
	// gone hides the rest as if it did not exist, not for want of a privilege.
	gone bool
}

// accountTable knows the accounts by name.
type accountTable struct {
	mu      sync.RWMutex
	byName  map[string]account
	limited bool
	// refuse is how many more correct logins are InvalidLogin.
	refuse int
}

var accounts = &accountTable{byName: map[string]account{}}

// set adds or replaces an account.
func (t *accountTable) set(name string, a account) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byName[name] = a
	t.limited = false
	for _, other := range t.byName {
		t.limited = t.limited || other.limited
	}
}

// get returns the account of that name.
func (t *accountTable) get(name string) (account, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	a, ok := t.byName[name]
	return a, ok
}

// admits tells whether a login succeeds.
func (t *accountTable) admits(name, password string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	known, ok := t.byName[name]
	if !ok || known.password != password {
		return false
	}
	if t.refuse > 0 {
		t.refuse--
		return false
	}
	return true
}

// refuseLogins is POST /login/refuse: the next logins with correct credentials
// are InvalidLogin, as when the identity service stumbles.
func (a *admin) refuseLogins(body []byte) (interface{}, error) {
	var req struct {
		Times int `json:"times"`
	}
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	accounts.mu.Lock()
	defer accounts.mu.Unlock()
	accounts.refuse = req.Times
	return done, nil
}

// someLimited tells whether any account sees less than everything.
func (t *accountTable) someLimited() bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.limited
}

// accountRequest is the body of POST /account.
type accountRequest struct {
	User string `json:"user"`
	// Password may be left out for an account that exists.
	Password *string `json:"password"`
	// Below lists what the account sees, as "Folder:group-v3"; nil is everything.
	Below *[]string `json:"below"`
	Alone bool      `json:"alone"`
	Gone  bool      `json:"gone"`
}

// setAccount is POST /account.
func (a *admin) setAccount(body []byte) (interface{}, error) {
	var req accountRequest
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	made, exists := accounts.get(req.User)
	if req.User == "" || (!exists && req.Password == nil) {
		return nil, errors.New("write user and password")
	}
	made = account{password: made.password, limited: req.Below != nil, alone: req.Alone, gone: req.Gone}
	if req.Password != nil {
		made.password = *req.Password
	}
	if req.Below != nil {
		for _, text := range *req.Below {
			root, err := a.world.parseRef(text)
			if err != nil {
				return nil, err
			}
			made.below = append(made.below, root)
		}
	}
	accounts.set(req.User, made)
	return done, nil
}

// loginPassword finds the password in a call to Login.
var loginPassword = regexp.MustCompile(`(<(?:\w+:)?password\b[^>]*>)[^<]*(<)`)

// checkLogin takes the password out of a call to Login with wrong credentials,
// so that the library, which takes any others, refuses it.
func checkLogin(body []byte) []byte {
	var call struct {
		User     string `xml:"Body>Login>userName"`
		Password string `xml:"Body>Login>password"`
	}
	err := xml.Unmarshal(body, &call)
	if err == nil && accounts.admits(call.User, call.Password) {
		return body
	}
	return loginPassword.ReplaceAll(body, []byte("$1$2"))
}

// userOf returns who a session belongs to.
func (w *world) userOf(session string) string {
	for _, s := range w.sessions() {
		if s.Key == session {
			return s.UserName
		}
	}
	return ""
}

// parseRef reads a reference to an object that exists, written Type:id.
func (w *world) parseRef(text string) (ref, error) {
	parts := strings.SplitN(text, ":", 2)
	if len(parts) != 2 {
		return ref{}, errors.New("write references as Type:id")
	}
	self := ref{Type: parts[0], Value: parts[1]}
	_, err := w.find(self.Type, "", self.Value)
	return self, err
}
