package export

// Placed is an [Exporter] that has a place on its machine which no other process can have at
// the same time: an address that it listens on, or a directory that it locks. Start makes
// service.instance.id of the places of its exporters, so that the process has the same after
// a restart.
type Placed interface {
	// Place is called before Open, once. It reads options and settings as Open does, leaves
	// it to Open to say what is wrong with them, and takes nothing. "" is no place. The
	// pipeline has no Resource yet.
	Place(p Pipeline) string
}
