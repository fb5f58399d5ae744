// Bits fetches a file by the Background Intelligent Transfer Service of the system
// that it runs on: bits URL FILE. It exits 0 when the job is complete, and prints what
// the service says of itself and of the job where it is not.
package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"
)

var (
	ole32            = syscall.NewLazyDLL("ole32.dll")
	coInitializeEx   = ole32.NewProc("CoInitializeEx")
	coCreateInstance = ole32.NewProc("CoCreateInstance")
)

// The numbers and the places of methods are those of bits.h of the Windows SDK.
var (
	clsidManager = syscall.GUID{Data1: 0x4991d34b, Data2: 0x80a1, Data3: 0x4291, Data4: [8]byte{0x83, 0xb6, 0x33, 0x28, 0x36, 0x6b, 0x90, 0x97}}
	iidManager   = syscall.GUID{Data1: 0x5ce34c0d, Data2: 0x0dc9, Data3: 0x4c1f, Data4: [8]byte{0x89, 0x7c, 0xda, 0xa1, 0xb7, 0x8c, 0xee, 0x7c}}
)

const (
	multithreaded  = 0
	localServer    = 4
	typeDownload   = 0
	stateError     = 4
	stateTransient = 5
	stateDone      = 6
)

// object is a COM object: a pointer to the table of its methods.
type object struct{ methods *[64]uintptr }

// call calls the method that stands nth in the table.
func (o *object) call(n int, args ...uintptr) error {
	r, _, _ := syscall.SyscallN(o.methods[n], append([]uintptr{uintptr(unsafe.Pointer(o))}, args...)...)
	return result(r)
}

func result(r uintptr) error {
	if int32(r) < 0 {
		return fmt.Errorf("0x%08x", uint32(r))
	}
	return nil
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: bits URL FILE")
		os.Exit(2)
	}
	if err := fetch(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "bits:", err)
		os.Exit(1)
	}
	fmt.Println("transferred")
}

// fetch waits up to a minute for the service, which a system that has just begun
// starts when it is asked for, and up to a minute for the file.
func fetch(url, file string) error {
	r, _, _ := coInitializeEx.Call(0, multithreaded)
	if err := result(r); err != nil {
		return fmt.Errorf("CoInitializeEx: %w", err)
	}
	var manager *object
	var err error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Second) {
		r, _, _ = coCreateInstance.Call(uintptr(unsafe.Pointer(&clsidManager)), 0, localServer,
			uintptr(unsafe.Pointer(&iidManager)), uintptr(unsafe.Pointer(&manager)))
		if err = result(r); err == nil {
			break
		}
		fmt.Fprintln(os.Stderr, "bits: the service is not there yet:", err)
	}
	if err != nil {
		return fmt.Errorf("CoCreateInstance: %w", err)
	}
	job, err := begin(manager, url, file)
	if err != nil {
		return err
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		var state uint32
		if err := job.call(14, uintptr(unsafe.Pointer(&state))); err != nil {
			return fmt.Errorf("GetState: %w", err)
		}
		switch state {
		case stateDone:
			if err := job.call(9); err != nil {
				return fmt.Errorf("Complete: %w", err)
			}
			return nil
		case stateError, stateTransient:
			return fmt.Errorf("the job is in state %d", state)
		}
	}
	return errors.New("the job takes more than a minute")
}

// begin makes a job of one file and starts it.
func begin(manager *object, url, file string) (*object, error) {
	name, err := syscall.UTF16PtrFromString("patchferry")
	if err != nil {
		return nil, err
	}
	remote, err := syscall.UTF16PtrFromString(url)
	if err != nil {
		return nil, err
	}
	local, err := syscall.UTF16PtrFromString(file)
	if err != nil {
		return nil, err
	}
	var id syscall.GUID
	var job *object
	if err := manager.call(3, uintptr(unsafe.Pointer(name)), typeDownload, uintptr(unsafe.Pointer(&id)), uintptr(unsafe.Pointer(&job))); err != nil {
		return nil, fmt.Errorf("CreateJob: %w", err)
	}
	if err := job.call(4, uintptr(unsafe.Pointer(remote)), uintptr(unsafe.Pointer(local))); err != nil {
		return nil, fmt.Errorf("AddFile: %w", err)
	}
	if err := job.call(7); err != nil {
		return nil, fmt.Errorf("Resume: %w", err)
	}
	return job, nil
}
