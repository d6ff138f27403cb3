package main

import (
	"github.com/vmware/govmomi/vim25/types"
)

// permissionDenied is the text of every NoPermission.
const permissionDenied = "Permission to perform this operation was denied."

// missingPrivileges makes NoPermission name entities with their missing
// privileges, which took the place of one object and one privilege. It is set
// before the server starts.
var missingPrivileges bool

// newPermissionsFrom is the version from which on vCenter names them so.
var newPermissionsFrom = []int{8, 0, 1, 0}

// NoPermission is the newer form of the fault, for releases of the library
// that have the older one only. The name is the type's name in XML.
type NoPermission struct {
	types.SecurityError

	MissingPrivileges []NoPermissionEntityPrivileges `xml:"missingPrivileges,omitempty"`
}

// NoPermissionEntityPrivileges names the privileges missing on an object.
type NoPermissionEntityPrivileges struct {
	types.DynamicData

	Entity       ref      `xml:"entity"`
	PrivilegeIds []string `xml:"privilegeIds,omitempty"`
}

// permissionFault is NoPermission in the form that this server uses.
func permissionFault(obj ref, privilege string) types.BaseMethodFault {
	if missingPrivileges {
		return &NoPermission{MissingPrivileges: []NoPermissionEntityPrivileges{{Entity: obj, PrivilegeIds: []string{privilege}}}}
	}
	old := noPermission(obj, privilege)
	return &old
}
