/* SPDX-License-Identifier: Apache-2.0 */
/* Section numbers: National Semiconductor PC16550D data sheet, June 1995, chapter 8 "Registers". */
#include "devices/uart.h"

#include "core/check.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    RBR_THR = 0, /* receiver buffer (read), transmitter holding (write); DLL while LCR_DLAB */
    IER = 1,     /* DLM while LCR_DLAB */
    IIR_FCR = 2, /* interrupt identification (read), FIFO control (write) */
    LCR = 3,
    MCR = 4,
    LSR = 5,
    MSR = 6,
    SCR = 7,
};

enum {
    IER_RECEIVED = 0x01,
    IER_TRANSMIT = 0x02,
    IER_LINE = 0x04,
    IER_MODEM = 0x08,
    IER_ALL = 0x0f,

    IIR_MODEM = 0x00,
    IIR_NONE = 0x01,
    IIR_TRANSMIT = 0x02,
    IIR_RECEIVED = 0x04,
    IIR_LINE = 0x06,
    IIR_TIMEOUT = 0x0c,
    IIR_FIFO = 0xc0,

    FCR_ENABLE = 0x01,
    FCR_CLEAR_RECEIVE = 0x02,
    FCR_CLEAR_TRANSMIT = 0x04,

    LCR_DLAB = 0x80,

    MCR_DTR = 0x01,
    MCR_RTS = 0x02,
    MCR_OUT1 = 0x04,
    MCR_OUT2 = 0x08,
    MCR_LOOP = 0x10,
    MCR_ALL = 0x1f,

    LSR_DATA = 0x01,
    LSR_OVERRUN = 0x02,
    LSR_ERRORS = 0x1e, /* overrun, parity, framing, break */
    LSR_TRANSMIT_HOLDING_EMPTY = 0x20,
    LSR_TRANSMIT_EMPTY = 0x40,

    MSR_CTS_CHANGED = 0x01,
    MSR_DSR_CHANGED = 0x02,
    MSR_RI_FELL = 0x04,
    MSR_DCD_CHANGED = 0x08,
    MSR_CHANGES = 0x0f,
    MSR_CTS = 0x10,
    MSR_DSR = 0x20,
    MSR_RI = 0x40,
    MSR_DCD = 0x80,
};

#define FIFO_SIZE 16u

struct fifo {
    uint8_t bytes[FIFO_SIZE];
    uint8_t count;
};

struct uart_state {
    uint8_t ier;
    uint8_t fcr; /* FCR_ENABLE and the trigger level's two bits */
    uint8_t lcr;
    uint8_t mcr;
    uint8_t msr;
    uint8_t scr;
    uint8_t divisor[2];
    uint8_t errors;         /* LSR_ERRORS not yet read */
    uint8_t transmit_event; /* "transmitter holding register empty" is to be told */
    uint8_t input_refused;  /* the back end waits for console_resume() */
    struct fifo receive;
    struct fifo transmit; /* what the back end has not taken yet */
};

struct uart {
    struct device base;
    struct irq_line irq;
    struct console_backend *console;
    struct log *log;
    pthread_mutex_t lock; /* guards state */
    struct uart_state state;
};

static unsigned fifo_capacity(const struct uart_state *state)
{
    return (state->fcr & FCR_ENABLE) != 0 ? FIFO_SIZE : 1;
}

static unsigned receive_trigger(const struct uart_state *state)
{
    static const uint8_t levels[4] = { 1, 4, 8, 14 }; /* section 8.5 */
    return (state->fcr & FCR_ENABLE) != 0 ? levels[state->fcr >> 6] : 1;
}

static void fifo_drop(struct fifo *fifo, unsigned count)
{
    fifo->count = (uint8_t)(fifo->count - count);
    memmove(fifo->bytes, fifo->bytes + count, fifo->count);
}

/* Section 8.6, in order of priority. Bytes below the trigger level are told at once as a character time-out: there
 * is no line whose silence could be waited for. */
static uint8_t interrupt_id(const struct uart_state *state)
{
    if ((state->ier & IER_LINE) != 0 && state->errors != 0) {
        return IIR_LINE;
    }
    if ((state->ier & IER_RECEIVED) != 0 && state->receive.count != 0) {
        return state->receive.count >= receive_trigger(state) ? IIR_RECEIVED : IIR_TIMEOUT;
    }
    if ((state->ier & IER_TRANSMIT) != 0 && state->transmit_event) {
        return IIR_TRANSMIT;
    }
    if ((state->ier & IER_MODEM) != 0 && (state->msr & MSR_CHANGES) != 0) {
        return IIR_MODEM;
    }
    return IIR_NONE;
}

static void update_irq(const struct uart *uart)
{
    irq_line_set(&uart->irq, interrupt_id(&uart->state) != IIR_NONE);
}

/* Gives the back end what it takes. */
static void pump_output(struct uart *uart)
{
    struct fifo *fifo = &uart->state.transmit;
    if (fifo->count != 0) {
        fifo_drop(fifo, (unsigned)console_write(uart->console, fifo->bytes, fifo->count));
        uart->state.transmit_event = fifo->count == 0;
    }
}

static void allow_input(struct uart *uart)
{
    if (uart->state.input_refused) {
        uart->state.input_refused = 0;
        console_resume(uart->console);
    }
}

static void transmit(struct uart *uart, uint8_t byte)
{
    struct uart_state *state = &uart->state;
    state->transmit_event = 0;
    if ((state->mcr & MCR_LOOP) != 0) { /* section 8.7: what is sent is received */
        if (state->receive.count < fifo_capacity(state)) {
            state->receive.bytes[state->receive.count++] = byte;
        } else {
            state->errors |= LSR_OVERRUN;
        }
        state->transmit_event = 1;
        return;
    }
    if (state->transmit.count == fifo_capacity(state)) {
        log_guest(uart->log, "uart: byte written while the transmitter is full; it is lost");
        return;
    }
    state->transmit.bytes[state->transmit.count++] = byte;
    pump_output(uart);
}

static uint8_t receive(struct uart *uart)
{
    struct uart_state *state = &uart->state;
    if (state->receive.count == 0) {
        return 0;
    }
    uint8_t byte = state->receive.bytes[0];
    fifo_drop(&state->receive, 1);
    if (state->receive.count == 0 && (state->mcr & MCR_LOOP) == 0) {
        allow_input(uart);
    }
    return byte;
}

static void write_fifo_control(struct uart *uart, uint8_t value)
{
    struct uart_state *state = &uart->state;
    bool switched = ((value ^ state->fcr) & FCR_ENABLE) != 0;
    if (switched || (value & FCR_CLEAR_RECEIVE) != 0) {
        state->receive.count = 0;
        allow_input(uart);
    }
    if (switched || (value & FCR_CLEAR_TRANSMIT) != 0) {
        state->transmit.count = 0;
        state->transmit_event = 1;
    }
    state->fcr = value & (FCR_ENABLE | 0xc0);
}

/* The modem's wires: connected and ready, or in loopback the modem control outputs (section 8.7). */
static uint8_t modem_lines(uint8_t mcr)
{
    if ((mcr & MCR_LOOP) == 0) {
        return MSR_CTS | MSR_DSR | MSR_DCD;
    }
    return (uint8_t)(((mcr & MCR_RTS) != 0 ? MSR_CTS : 0) | ((mcr & MCR_DTR) != 0 ? MSR_DSR : 0) |
                     ((mcr & MCR_OUT1) != 0 ? MSR_RI : 0) | ((mcr & MCR_OUT2) != 0 ? MSR_DCD : 0));
}

static void write_modem_control(struct uart *uart, uint8_t value)
{
    struct uart_state *state = &uart->state;
    uint8_t before = state->msr;
    state->mcr = value & MCR_ALL;
    uint8_t lines = modem_lines(state->mcr);
    uint8_t changed = (uint8_t)(before ^ lines);
    uint8_t changes =
        (uint8_t)(((changed & MSR_CTS) != 0 ? MSR_CTS_CHANGED : 0) | ((changed & MSR_DSR) != 0 ? MSR_DSR_CHANGED : 0) |
                  ((changed & before & MSR_RI) != 0 ? MSR_RI_FELL : 0) |
                  ((changed & MSR_DCD) != 0 ? MSR_DCD_CHANGED : 0));
    state->msr = (uint8_t)(lines | (before & MSR_CHANGES) | changes);
    if ((state->mcr & MCR_LOOP) == 0) {
        allow_input(uart);
    }
}

static uint8_t line_status(const struct uart_state *state)
{
    return (uint8_t)((state->receive.count != 0 ? LSR_DATA : 0) | state->errors |
                     (state->transmit.count == 0 ? LSR_TRANSMIT_HOLDING_EMPTY | LSR_TRANSMIT_EMPTY : 0));
}

static uint8_t read_register(struct uart *uart, uint64_t offset)
{
    struct uart_state *state = &uart->state;
    bool divisor = (state->lcr & LCR_DLAB) != 0;
    uint8_t value;
    switch (offset) {
    case RBR_THR: return divisor ? state->divisor[0] : receive(uart);
    case IER: return divisor ? state->divisor[1] : state->ier;
    case IIR_FCR:
        value = interrupt_id(state);
        if (value == IIR_TRANSMIT) {
            state->transmit_event = 0; /* section 8.6: reading IIR is the acknowledgement */
        }
        return (uint8_t)(value | ((state->fcr & FCR_ENABLE) != 0 ? IIR_FIFO : 0));
    case LCR: return state->lcr;
    case MCR: return state->mcr;
    case LSR:
        value = line_status(state);
        state->errors = 0;
        return value;
    case MSR:
        value = state->msr;
        state->msr &= (uint8_t)~MSR_CHANGES;
        return value;
    case SCR: return state->scr;
    default: log_guest(uart->log, "uart: read at 0x%llx: no such register", (unsigned long long)offset); return 0;
    }
}

static void write_register(struct uart *uart, uint64_t offset, uint8_t value)
{
    struct uart_state *state = &uart->state;
    bool divisor = (state->lcr & LCR_DLAB) != 0;
    switch (offset) {
    case RBR_THR:
        if (divisor) {
            state->divisor[0] = value;
        } else {
            transmit(uart, value);
        }
        break;
    case IER:
        if (divisor) {
            state->divisor[1] = value;
            break;
        }
        if ((value & ~state->ier & IER_TRANSMIT) != 0 && state->transmit.count == 0) {
            state->transmit_event = 1; /* enabling the interrupt while empty raises it */
        }
        state->ier = value & IER_ALL;
        break;
    case IIR_FCR: write_fifo_control(uart, value); break;
    case LCR: state->lcr = value; break;
    case MCR: write_modem_control(uart, value); break;
    case LSR: /* factory test only (section 8.4) */
    case MSR: break;
    case SCR: state->scr = value; break;
    default: log_guest(uart->log, "uart: write at 0x%llx: no such register", (unsigned long long)offset); break;
    }
}

/* The registers are a byte wide; of a wider access the lowest byte counts. */
static bool uart_read(void *self, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)size;
    struct uart *uart = self;
    pthread_mutex_lock(&uart->lock);
    *value = read_register(uart, offset);
    update_irq(uart);
    pthread_mutex_unlock(&uart->lock);
    return true;
}

static bool uart_write(void *self, uint64_t offset, unsigned size, uint64_t value)
{
    (void)size;
    struct uart *uart = self;
    pthread_mutex_lock(&uart->lock);
    write_register(uart, offset, (uint8_t)value);
    update_irq(uart);
    pthread_mutex_unlock(&uart->lock);
    return true;
}

static size_t console_receive(void *self, const uint8_t *bytes, size_t size)
{
    struct uart *uart = self;
    pthread_mutex_lock(&uart->lock);
    struct uart_state *state = &uart->state;
    size_t room = (state->mcr & MCR_LOOP) != 0 ? 0 : fifo_capacity(state) - state->receive.count;
    size_t taken = size < room ? size : room;
    memcpy(state->receive.bytes + state->receive.count, bytes, taken);
    state->receive.count = (uint8_t)(state->receive.count + taken);
    state->input_refused = taken < size;
    update_irq(uart);
    pthread_mutex_unlock(&uart->lock);
    return taken;
}

static void console_writable(void *self)
{
    struct uart *uart = self;
    pthread_mutex_lock(&uart->lock);
    pump_output(uart);
    update_irq(uart);
    pthread_mutex_unlock(&uart->lock);
}

static void uart_reset(void *self)
{
    struct uart *uart = self;
    pthread_mutex_lock(&uart->lock);
    allow_input(uart);
    uart->state = (struct uart_state){ .msr = modem_lines(0), .divisor = { 12, 0 } };
    update_irq(uart);
    pthread_mutex_unlock(&uart->lock);
}

static void uart_destroy(void *self)
{
    struct uart *uart = self;
    console_attach(uart->console, NULL);
    pthread_mutex_destroy(&uart->lock);
    free(uart);
}

static const struct memory_device_ops uart_ops = { .read = uart_read, .write = uart_write };

struct device *uart_create(struct irq_line irq, struct console_backend *console, struct log *log)
{
    struct uart *uart = check_alloc(sizeof *uart);
    uart->base = (struct device){
        .name = "uart",
        .size = UART_SIZE,
        .ops = &uart_ops,
        .self = uart,
        .reset = uart_reset,
        .destroy = uart_destroy,
    };
    uart->irq = irq;
    uart->console = console;
    uart->log = log;
    pthread_mutex_init(&uart->lock, NULL);
    uart_reset(uart);
    const struct console_client client = { uart, console_receive, console_writable };
    console_attach(console, &client);
    return &uart->base;
}
