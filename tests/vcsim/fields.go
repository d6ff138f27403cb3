package main

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// fieldFixture is a custom attribute with its values by VM.
type fieldFixture struct {
	key    int32
	name   string
	kind   string
	values map[string]string
}

var fieldFixtures = []fieldFixture{
	{101, "Owner", "VirtualMachine", map[string]string{"vm01.example.org": "Größe & Söhne", "ns01.example.org": ""}},
	{102, "backup.policy", "VirtualMachine", map[string]string{"vm01.example.org": "daily"}},
	{103, "Cost, centre", "", map[string]string{"vm01.example.org": "4711"}},
	// Two attributes of one name, for two types.
	{104, "Owner", "HostSystem", nil},
}

// defineFields defines the custom attributes and gives VMs their values.
func defineFields(w *world) {
	manager := w.reg.CustomFieldsManager()
	for _, f := range fieldFixtures {
		manager.Field = append(manager.Field, types.CustomFieldDef{
			Key: f.key, Name: f.name, Type: "string", ManagedObjectType: f.kind,
		})
		for name, text := range f.values {
			for _, e := range w.named("VirtualMachine", name) {
				vm, ok := e.(*simulator.VirtualMachine)
				if !ok {
					continue
				}
				value := &types.CustomFieldStringValue{Value: text}
				value.Key = f.key
				vm.CustomValue = append(vm.CustomValue, value)
				vm.Value = append(vm.Value, value)
			}
		}
	}
	for _, e := range w.named("HostSystem", "esxi01.example.org") {
		value := &types.CustomFieldStringValue{Value: "operations"}
		value.Key = 104
		e.Entity().CustomValue = append(e.Entity().CustomValue, value)
	}
}
