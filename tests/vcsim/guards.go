package main

import (
	"net/http"

	"github.com/vmware/govmomi/vim25/soap"
)

// refusal returns the fault that a call meets before the library sees it.
func (f *front) refusal(r *http.Request, method string, body []byte) *wireFault {
	if accounts.someLimited() {
		seen := sightOfUser(f.world.reg, f.world.userOf(sessionOf(r)))
		if err := seen.forbids(method, references(body)); err != nil {
			return err
		}
	}
	if method == "QueryEvents" && !f.eventViews && eventViewElement.Match(body) {
		return &wireFault{text: "Unexpected element eventViewSpec", kind: "InvalidRequest"}
	}
	if stale.refuses(sessionOf(r), method) {
		about := append(references(body), ref{})
		return wireNotAuthenticated(about[0], "System.View")
	}
	if readsProperties[method] {
		return nil
	}
	if gone := vanished.among(references(body)); gone != nil {
		return wireNotFound(*gone)
	}
	return nil
}

// sessionOf returns the key of the session that a call is made in.
func sessionOf(r *http.Request) string {
	cookie, err := r.Cookie(soap.SessionCookieName)
	if err != nil {
		return ""
	}
	return cookie.Value
}
