package main

import (
	"strconv"
	"strings"
)

// isFrom tells whether an API version is a given one or a later one. An empty
// one is the library's, which is older than all that is asked about.
func isFrom(version string, first []int) bool {
	parts := strings.Split(version, ".")
	for i, from := range first {
		number := 0
		if i < len(parts) {
			number, _ = strconv.Atoi(parts[i]) // what is no number counts as 0
		}
		if number != from {
			return number > from
		}
	}
	return true
}
