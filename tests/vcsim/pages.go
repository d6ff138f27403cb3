package main

import (
	"fmt"
	"sync"

	"github.com/vmware/govmomi/vim25/types"
)

// maxBooks bounds how many half-read results are kept; the oldest goes first.
const maxBooks = 1024

// book is a result of which some pages have not been fetched yet.
type book struct {
	session string
	size    int
	rest    []types.ObjectContent
}

// pageDesk keeps half-read results of all sessions by token.
type pageDesk struct {
	mu     sync.Mutex
	number int
	books  map[string]book
	order  []string
}

var desk = &pageDesk{books: map[string]book{}}

// firstPage cuts a result into pages of size objects (0: one page).
func (d *pageDesk) firstPage(session string, objects []types.ObjectContent, size int) *types.RetrieveResult {
	if len(objects) == 0 {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	page := d.cut(book{session: session, size: size, rest: objects})
	return &page
}

// nextPage returns the page behind a token, or nil when the token is not one
// of this session's.
func (d *pageDesk) nextPage(session, token string) *types.RetrieveResult {
	d.mu.Lock()
	defer d.mu.Unlock()
	b, ok := d.books[token]
	if !ok || b.session != session {
		return nil
	}
	delete(d.books, token)
	page := d.cut(b)
	return &page
}

// drop forgets what is behind a token.
func (d *pageDesk) drop(session, token string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	b, ok := d.books[token]
	if !ok || b.session != session {
		return false
	}
	delete(d.books, token)
	return true
}

// cut takes one page off a book and shelves the rest under a new token.
func (d *pageDesk) cut(b book) types.RetrieveResult {
	if b.size <= 0 || len(b.rest) <= b.size {
		return types.RetrieveResult{Objects: b.rest}
	}
	page := types.RetrieveResult{Objects: b.rest[:b.size]}
	b.rest = b.rest[b.size:]
	d.number++
	page.Token = fmt.Sprintf("%d", d.number)
	d.books[page.Token] = b
	d.order = append(d.order, page.Token)
	for len(d.order) > maxBooks {
		delete(d.books, d.order[0])
		d.order = d.order[1:]
	}
	return page
}
