// Program http is a server of net/http that does nothing: what all others are compared with.
package main

import (
	"log"
	"net/http"
)

func main() { log.Print(http.ListenAndServe("127.0.0.1:8080", nil)) }
