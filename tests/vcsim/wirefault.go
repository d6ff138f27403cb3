package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"regexp"
)

// wireFault is a SOAP fault that is answered before the library sees a call.
type wireFault struct {
	text string
	// kind is the name of the fault's type, members its content in XML.
	kind    string
	members string
}

// wireFaultAnswer holds a fault of any kind.
const wireFaultAnswer = `<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" ` +
	`xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">` +
	`<soapenv:Body><soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>%s</faultstring>` +
	`<detail><%[2]sFault xmlns="urn:vim25" xsi:type="%[2]s">%[3]s</%[2]sFault></detail>` +
	`</soapenv:Fault></soapenv:Body></soapenv:Envelope>`

// answer sends the fault.
func (f *wireFault) answer(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = fmt.Fprintf(w, wireFaultAnswer, escaped(f.text), f.kind, f.members) // the client left
}

func wireNotFound(obj ref) *wireFault {
	return &wireFault{
		text: "The object '" + obj.Type + ":" + obj.Value + "' has already been deleted or has not been completely created",
		kind: "ManagedObjectNotFound", members: wireRef("obj", obj),
	}
}

func wireNoPermission(obj ref, privilege string) *wireFault {
	return &wireFault{text: permissionDenied, kind: "NoPermission", members: wirePrivilege(obj, privilege)}
}

func wireNotAuthenticated(obj ref, privilege string) *wireFault {
	return &wireFault{text: "The session is not authenticated.", kind: "NotAuthenticated", members: wirePrivilege(obj, privilege)}
}

// wirePrivilege names what is missing in the form that this server uses.
func wirePrivilege(obj ref, privilege string) string {
	if missingPrivileges {
		return "<missingPrivileges>" + wireRef("entity", obj) +
			"<privilegeIds>" + escaped(privilege) + "</privilegeIds></missingPrivileges>"
	}
	return wireRef("object", obj) + "<privilegeId>" + escaped(privilege) + "</privilegeId>"
}

func wireRef(element string, obj ref) string {
	return fmt.Sprintf(`<%[1]s type="%[2]s">%[3]s</%[1]s>`, element, escaped(obj.Type), escaped(obj.Value))
}

func escaped(text string) string {
	var out bytes.Buffer
	_ = xml.EscapeText(&out, []byte(text)) // a buffer takes everything
	return out.String()
}

// referenceElement finds the references in a call.
var referenceElement = regexp.MustCompile(`<(?:\w+:)?\w+\b[^>]*\stype="(\w+)"[^>]*>([^<]*)<`)

// references lists the objects that a call names, the one it is made on first.
func references(body []byte) []ref {
	var list []ref
	for _, found := range referenceElement.FindAllSubmatch(body, -1) {
		list = append(list, ref{Type: string(found[1]), Value: string(found[2])})
	}
	return list
}
