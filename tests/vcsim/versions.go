package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// versionsPage is how the page vimServiceVersions.xml answers.
type versionsPage struct {
	mu    sync.Mutex
	state versionsState
}

// versionsState is also the body of POST /versions.
type versionsState struct {
	// Status answers with that HTTP status; 0 is the page itself.
	Status int `json:"status"`
	// Hang answers nothing until the client leaves.
	Hang bool `json:"hang"`
	// Prefix is text before the page.
	Prefix string `json:"prefix"`
}

var versions = &versionsPage{}

// parseVersions reads the flag -versions-page: a status, or hang.
func parseVersions(text string) (versionsState, error) {
	if text == "" {
		return versionsState{}, nil
	}
	if text == "hang" {
		return versionsState{Hang: true}, nil
	}
	status, err := strconv.Atoi(text)
	if err != nil || status < 400 || status > 599 {
		return versionsState{}, fmt.Errorf("-versions-page %q: write a status from 400 to 599, or hang", text)
	}
	return versionsState{Status: status}, nil
}

func (v *versionsPage) set(state versionsState) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.state = state
}

// setVersions is POST /versions.
func (a *admin) setVersions(body []byte) (interface{}, error) {
	var state versionsState
	if err := json.Unmarshal(body, &state); err != nil {
		return nil, err
	}
	if state.Status != 0 && (state.Status < 400 || state.Status > 599) {
		return nil, fmt.Errorf("status %d: write one from 400 to 599", state.Status)
	}
	versions.set(state)
	return done, nil
}

// answered answers for the page, unless it is to be sent as it is.
func (v *versionsPage) answered(w http.ResponseWriter, r *http.Request) bool {
	if !strings.HasSuffix(r.URL.Path, "/vimServiceVersions.xml") {
		return false
	}
	v.mu.Lock()
	state := v.state
	v.mu.Unlock()
	switch {
	case state.Hang:
		<-r.Context().Done()
		return true
	case state.Status != 0:
		http.Error(w, http.StatusText(state.Status), state.Status)
		return true
	}
	_, _ = io.WriteString(w, state.Prefix) // the client left
	return false
}
