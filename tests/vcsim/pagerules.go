package main

import (
	"encoding/json"
	"errors"
	"sync"
)

// pageRules are what the server does with long answers, whatever is asked for.
var pageRules struct {
	sync.Mutex
	pageRequest
}

// pageRequest is the body of POST /pages.
type pageRequest struct {
	// Size is the most objects in a page; 0: as many as the client wants.
	Size int `json:"size"`
	// Refuse makes every page after the first NoPermission on the root folder,
	// as vCenter 7.0.3.2 to 8.0.2 do for accounts without a role there.
	Refuse bool `json:"refuse"`
}

// setPages is POST /pages.
func (a *admin) setPages(body []byte) (interface{}, error) {
	var req pageRequest
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	if req.Size < 0 {
		return nil, errors.New("size must not be negative")
	}
	pageRules.Lock()
	defer pageRules.Unlock()
	pageRules.pageRequest = req
	return done, nil
}

// pageSize is how many objects go into a page of an answer to a client that
// names its maxObjects; 0 is none.
func pageSize(wanted int) int {
	pageRules.Lock()
	defer pageRules.Unlock()
	if pageRules.Size > 0 && (wanted <= 0 || wanted > pageRules.Size) {
		return pageRules.Size
	}
	return wanted
}

// nextPageRefused tells whether there is but one page for anyone.
func nextPageRefused() bool {
	pageRules.Lock()
	defer pageRules.Unlock()
	return pageRules.Refuse
}
