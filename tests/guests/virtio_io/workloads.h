// The guest's workloads. Each finds its device, warms it up, meets the host at the line "BEGIN" and
// after the measured part at "END", checks what it did and prints a line "RESULT name=number ...".

#ifndef MAYFLY_TESTS_GUESTS_VIRTIO_IO_WORKLOADS_H_
#define MAYFLY_TESTS_GUESTS_VIRTIO_IO_WORKLOADS_H_

// bench=block: one operation on a disk at a fixed depth. Options: op=read|write,
// pattern=random|sequential, size=BYTES (a multiple of 4096), segments=COUNT, depth=COUNT,
// ticks=DURATION, warmup=DURATION (of the time stamp counter), seed=NUMBER.
//
// The disk consists of blocks of 4096 bytes that start with their own number (64 bits, little
// endian); a block written by this guest has the seed in the next 64 bits.
void RunBlock(void);

// bench=tx: sends frames. Options: frame=BYTES (with the Ethernet header; more than 1514: a TCP
// segment to be cut to pieces by who receives it), ticks=DURATION, warmup=DURATION.
void RunTransmit(void);

// bench=rx: receives count=NUMBER frames of frame=BYTES, which are there when the host answers
// "BEGIN". Each has its number (64 bits, little endian) at offset 54, from 0 on. Gives up after
// ticks=DURATION without a frame.
void RunReceive(void);

// bench=exits: what it costs to leave the guest: count=NUMBER notifications of a queue with nothing
// in it and reads of a device register, of the block device.
void RunExits(void);

#endif  // MAYFLY_TESTS_GUESTS_VIRTIO_IO_WORKLOADS_H_
