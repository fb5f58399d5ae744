package mirror

// Event is one step of a long job, for progress displays and logs. Events are
// sent from many goroutines.
type Event struct {
	Kind   EventKind `json:"event"`
	Source string    `json:"source,omitempty"`
	Update string    `json:"update,omitempty"` // update id
	File   string    `json:"file,omitempty"`   // the publisher's name
	Count  int       `json:"count,omitempty"`  // of what the event speaks of
	Bytes  int64     `json:"bytes,omitempty"`
	Text   string    `json:"text,omitempty"`
	Err    error     `json:"-"`
}

// EventKind says what happened.
type EventKind string

// The kinds of event, in the order in which a sync sends them.
const (
	EventRefresh EventKind = "refresh" // a source's list was asked for; Text is "new", "unchanged" or "failed"
	EventNote    EventKind = "note"    // something an operator should know that is no failure
	EventPlan    EventKind = "plan"    // Count files of together Bytes (as far as known) will be fetched
	EventStart   EventKind = "start"   // a file's download begins; Bytes is its length where known
	EventBytes   EventKind = "bytes"   // Bytes more have arrived or been read
	EventFile    EventKind = "file"    // a file was admitted, or refused with Err
	EventPublish EventKind = "publish" // generation Count was published
	EventObject  EventKind = "object"  // an object was audited or removed
)

// report hands e to whoever watches.
func (m *Mirror) report(e Event) {
	if m.Progress != nil {
		m.Progress(e)
	}
}

// note reports something an operator should know that is no failure.
func (m *Mirror) note(source, text string) {
	m.log().Debug("note", "source", source, "text", text)
	m.report(Event{Kind: EventNote, Source: source, Text: text})
}
