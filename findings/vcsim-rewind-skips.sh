#!/usr/bin/env bash
# After RewindCollector the simulator's event collector leaves out the oldest.
#
# Software: govmomi 0.55.1, package simulator (vcsim).
# Guess: RewindCollector goes back to where a new collector begins, so the next
#   read gives the oldest event again, as the vSphere API's documentation says.
# Behaviour: it stands on the oldest event and reads on from the one behind it.
#   So whatever reads all events twice gets one less the second time.
# Seen with keys 1, 2, 3, ...: a new collector's ReadNextEvents(3) -> 1 2 3;
#   RewindCollector and ReadNextEvents(3) -> 2 3 4.
. "$(dirname "$0")/lib/common.sh"

mkdir -p "$work/go"
cat >"$work/go/main.go" <<'END'
package main

import (
	"context"
	"fmt"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/event"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func keys(events []types.BaseEvent, err error) []int32 {
	var found []int32
	for _, one := range must(events, err) {
		found = append(found, one.GetEvent().Key)
	}
	return found
}

func main() {
	model := simulator.VPX()
	if err := model.Create(); err != nil {
		panic(err)
	}
	defer model.Remove()
	server := model.Service.NewServer()
	defer server.Close()

	ctx := context.Background()
	client := must(govmomi.NewClient(ctx, server.URL, true))
	collector := must(event.NewManager(client.Client).CreateCollectorForEvents(ctx, types.EventFilterSpec{}))

	fmt.Print(keys(collector.ReadNextEvents(ctx, 3)))
	if err := collector.Rewind(ctx); err != nil {
		panic(err)
	}
	fmt.Println(keys(collector.ReadNextEvents(ctx, 3)))
}
END
go_program github.com/vmware/govmomi@v0.55.1
seen=$(timeout 60 "$program" 2>/dev/null)
expect "three from the start, three after a rewind" '[1 2 3][2 3 4]' "$seen"
still "ReadNextEvents after RewindCollector begins with the second event (govmomi 0.55.1)"
