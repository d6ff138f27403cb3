package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// admin answers the endpoints outside /sdk that tests steer the simulation
// with. They need no login.
type admin struct {
	world *world
	site  *site
	calls *callCounter
}

// errNotFound makes an endpoint answer 404 instead of 400.
var errNotFound = errors.New("not found")

func adminMux(w *world, s *site, churn *churner, calls *callCounter) *http.ServeMux {
	a := &admin{world: w, site: s, calls: calls}
	mux := http.NewServeMux()
	mux.Handle("/calls", get(func() interface{} { return a.calls.report() }))
	mux.Handle("/calls/reset", post(func([]byte) (interface{}, error) {
		a.calls.reset()
		return done, nil
	}))
	mux.Handle("/asked", get(func() interface{} { return askedFor.report() }))
	mux.Handle("/asked/collect", post(func([]byte) (interface{}, error) {
		askedFor.start()
		return done, nil
	}))
	mux.Handle("/sessions", get(func() interface{} { return a.sessions() }))
	mux.Handle("/sessions/drop", post(a.dropSessions))
	mux.Handle("/sessions/stale", post(a.setStale))
	mux.Handle("/login/refuse", post(a.refuseLogins))
	mux.Handle("/versions", post(a.setVersions))
	mux.Handle("/pages", post(a.setPages))
	mux.Handle("/filters/silence", post(a.silenceFilters))
	mux.Handle("/set", post(a.set))
	mux.Handle("/churn", post(churn.setFrom))
	mux.Handle("/clock", post(a.setClock))
	mux.Handle("/perf", post(a.spoilPerf))
	mux.Handle("/deny", post(a.deny))
	mux.Handle("/account", post(a.setAccount))
	mux.Handle("/events/hide", post(a.hideEvents))
	mux.Handle("/mask", post(a.setMask))
	mux.Handle("/vanish", post(a.vanish))
	mux.Handle("/update", post(a.sendUpdate))
	mux.Handle("/alarm", post(a.raiseAlarm))
	mux.Handle("/event", post(a.addEvent))
	mux.Handle("/vm/create", post(a.createMachine))
	mux.Handle("/vm/destroy", post(a.destroyMachine))
	return mux
}

// done is the answer of an endpoint that has nothing to tell.
var done = map[string]bool{"ok": true}

func get(answer func() interface{}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			reply(w, http.StatusMethodNotAllowed, problem("use GET"))
			return
		}
		reply(w, http.StatusOK, answer())
	})
}

func post(act func(body []byte) (interface{}, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			reply(w, http.StatusMethodNotAllowed, problem("use POST"))
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
		if err != nil {
			reply(w, http.StatusBadRequest, problem(err.Error()))
			return
		}
		answer, err := act(body)
		switch {
		case errors.Is(err, errNotFound):
			reply(w, http.StatusNotFound, problem(err.Error()))
		case err != nil:
			reply(w, http.StatusBadRequest, problem(err.Error()))
		default:
			reply(w, http.StatusOK, answer)
		}
	})
}

func problem(text string) map[string]string { return map[string]string{"error": text} }

func reply(w http.ResponseWriter, status int, answer interface{}) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // the client left; nobody to tell
}

// sessionReport is one logged-in session in the answer of GET /sessions.
type sessionReport struct {
	Key   string    `json:"key"`
	User  string    `json:"user"`
	Agent string    `json:"agent"`
	IP    string    `json:"ip"`
	Login time.Time `json:"login"`
	Calls int64     `json:"calls"`
}

func (a *admin) sessions() []sessionReport {
	list := []sessionReport{}
	for _, s := range a.world.sessions() {
		list = append(list, sessionReport{
			Key: s.Key, User: s.UserName, Agent: s.UserAgent,
			IP: s.IpAddress, Login: s.LoginTime, Calls: int64(s.CallCount),
		})
	}
	return list
}

// sessions returns the sessions that are logged in.
func (w *world) sessions() []types.UserSession {
	return sessionsOf(w.reg)
}

// sessionsOf lists the sessions of an inventory. Seen through a session, the
// session manager shows all of them.
func sessionsOf(reg *simulator.Registry) []types.UserSession {
	content := contentOf(reg)
	if content.SessionManager == nil {
		return nil
	}
	manager, ok := newContext(reg).Session.Get(*content.SessionManager).(*simulator.SessionManager)
	if !ok {
		return nil
	}
	return manager.SessionList
}

// dropSessions ends every session, as a restart of vCenter does.
func (a *admin) dropSessions([]byte) (interface{}, error) {
	w := a.world
	var keys []string
	for _, s := range w.sessions() {
		keys = append(keys, s.Key)
	}
	if len(keys) == 0 {
		return map[string]int{"dropped": 0}, nil
	}
	body := w.reg.SessionManager().TerminateSession(newContext(w.reg), &types.TerminateSession{SessionId: keys})
	if err := body.Fault(); err != nil {
		return nil, fmt.Errorf("terminate sessions: %s", err.String)
	}
	w.dropEndedSessions()
	return map[string]int{"dropped": len(keys)}, nil
}

// setRequest is the body of POST /set.
type setRequest struct {
	Type  string          `json:"type"`
	Name  string          `json:"name"`
	Moid  string          `json:"moid"`
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value"`
}

// set changes one property of every object of that type and name (or the one
// with that moid).
func (a *admin) set(body []byte) (interface{}, error) {
	var req setRequest
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	targets, err := a.world.find(req.Type, req.Name, req.Moid)
	if err != nil {
		return nil, err
	}
	for _, target := range targets {
		if err := a.world.setProperty(target, req.Path, req.Value); err != nil {
			return nil, err
		}
	}
	return map[string]int{"changed": len(targets)}, nil
}

// find returns the objects an endpoint is asked to work on.
func (w *world) find(kind, name, moid string) ([]mo.Reference, error) {
	if moid != "" {
		self := ref{Type: kind, Value: moid}
		if obj := w.reg.Get(self); obj != nil {
			return []mo.Reference{obj}, nil
		}
		return nil, fmt.Errorf("%s %s: %w", kind, moid, errNotFound)
	}
	var targets []mo.Reference
	for _, e := range w.named(kind, name) {
		targets = append(targets, e)
	}
	if len(targets) == 0 {
		return nil, fmt.Errorf("%s %q: %w", kind, name, errNotFound)
	}
	return targets, nil
}

// mirrors says which other property shows the same fact, by type.
var mirrors = map[string][][2]string{
	"VirtualMachine": {
		{"runtime.", "summary.runtime."},
		{"overallStatus", "summary.overallStatus"},
		{"name", "summary.config.name"},
		{"guest.toolsRunningStatus", "summary.guest.toolsRunningStatus"},
		{"guest.toolsStatus", "summary.guest.toolsStatus"},
		{"guest.ipAddress", "summary.guest.ipAddress"},
		{"guest.hostName", "summary.guest.hostName"},
	},
	"HostSystem": {
		{"runtime.", "summary.runtime."},
		{"overallStatus", "summary.overallStatus"},
		{"name", "summary.config.name"},
	},
	"Datastore": {
		{"info.url", "summary.url"},
		{"info.freeSpace", "summary.freeSpace"},
		{"name", "summary.name"},
	},
}

// samePlaces returns a path and every path that mirrors it.
func samePlaces(kind, path string) []string {
	paths := []string{path}
	for _, pair := range mirrors[kind] {
		from, to := pair[0], pair[1]
		switch {
		case strings.HasSuffix(from, ".") && strings.HasPrefix(path, from):
			paths = append(paths, to+strings.TrimPrefix(path, from))
		case strings.HasSuffix(from, ".") && strings.HasPrefix(path, to):
			paths = append(paths, from+strings.TrimPrefix(path, to))
		case path == from:
			paths = append(paths, to)
		case path == to:
			paths = append(paths, from)
		}
	}
	return paths
}

// setProperty converts a JSON value to the property's type and assigns it,
// notifying every WaitForUpdatesEx.
func (w *world) setProperty(obj mo.Reference, path string, raw json.RawMessage) error {
	self := obj.Reference()
	kind := managedObject(obj).Type()
	if _, ok := typeByPath(kind, path); !ok || path == "" {
		return fmt.Errorf("%s has no property %q", self.Type, path)
	}
	var changes []types.PropertyChange
	for _, p := range samePlaces(self.Type, path) {
		t, ok := typeByPath(kind, p)
		if !ok {
			continue
		}
		val, err := fromJSON(raw, t)
		if err != nil {
			return fmt.Errorf("%s.%s: %w", self.Type, p, err)
		}
		c := change(p, nil)
		if v := plainValue(val); v.IsValid() {
			c.Val = v.Interface()
		}
		changes = append(changes, c)
	}
	return w.updateListed(obj, path, changes)
}

// plainValue takes a value out of its pointer; nothing is left of a nil one.
func plainValue(val reflect.Value) reflect.Value {
	switch val.Kind() {
	case reflect.Ptr:
		return val.Elem()
	case reflect.Interface:
		if val.IsNil() {
			return reflect.Value{}
		}
	}
	return val
}
