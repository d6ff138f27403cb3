#!/usr/bin/env bash
# The simulator's QueryEvents gives ten events, and ignores half of the filter.
#
# Software: govmomi 0.55.1, package simulator (vcsim).
# Guess: without maxCount all 30-odd events of a fresh inventory come (vCenter's
#   page has up to 1000); a user or category that no event has gives none.
# Behaviour: without maxCount the answer is the ten newest, and nothing says
#   that there are more. userName and category of the filter are not looked at,
#   so tests of such filters pass whatever the code asks for.
# Seen: no maxCount -> 10; maxCount 1000 -> more than 30; maxCount 1000 and
#   userName [nobody-of-that-name] -> the same number; category [error] -> the
#   same number, although all events are of the category info.
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
	events := event.NewManager(client.Client)
	count := func(filter types.EventFilterSpec) int {
		return len(must(events.QueryEvents(ctx, filter)))
	}

	all := count(types.EventFilterSpec{MaxCount: 1000})
	user := &types.EventFilterSpecByUsername{UserList: []string{"nobody-of-that-name"}}
	fmt.Println(
		count(types.EventFilterSpec{}),
		all > 30,
		count(types.EventFilterSpec{MaxCount: 1000, UserName: user}) == all,
		count(types.EventFilterSpec{MaxCount: 1000, Category: []string{"error"}}) == all,
	)
}
END
go_program github.com/vmware/govmomi@v0.55.1
seen=$(timeout 60 "$program" 2>/dev/null)
expect "without maxCount, all, another user's, errors" '10 true true true' "$seen"
still "QueryEvents gives 10 of more than 30 events and ignores user and category (govmomi 0.55.1)"
