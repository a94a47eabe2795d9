// Tracing: while it is on, operations of the node kernels become nodes of a graph instead of being run, and the tensors they
// give have shapes and no numbers. A finished trace is a function of libtensorflow, compiled by XLA at its first call.
// Left out: random generators and tensors whose shape depends on values.
import type { NativeContext } from "./native_context.ts";
import { type NativeFunction, NativeFunctions } from "./native_functions.ts";
import { type GraphOperation, type GraphValue, NativeGraph } from "./native_graph.ts";
import type { NativeOperation, NativeTensors, TensorDescription } from "./native_tensors.ts";

/** A tensor from before the trace is part of the graph up to this size; a larger one belongs among the arguments. */
const LARGEST_CAPTURE = 64 * 1024;

/** Their results change from call to call, or their numbers come from a generator that the trace would freeze. */
const refused = new Set(["Multinomial", "RandomStandardNormal", "RandomUniform", "TruncatedNormal"]);

interface Trace {
  name: string;
  graph: NativeGraph;
  constants: Map<number, GraphValue>;
  /** Tensors that the trace made and nobody freed yet. */
  open: Set<number>;
  /** Results of the operation added last; an assignment has none. */
  last: { operation: string; values: GraphValue[] };
  /** What each variable held at the start. */
  reads: Map<GraphValue, GraphValue>;
  /** Functions that its operations call. */
  inner: NativeFunction[];
}

export class NativeTracer {
  readonly #native: NativeContext;
  readonly #tensors: NativeTensors;
  readonly #functions: NativeFunctions;
  readonly #values = new Map<number, GraphValue>();
  readonly #traces: Trace[] = [];
  /** First number of a tensor made since the outermost trace began. */
  #start = 0;

  constructor(native: NativeContext, tensors: NativeTensors) {
    this.#native = native;
    this.#tensors = tensors;
    this.#functions = new NativeFunctions(native);
  }

  get isTracing(): boolean {
    return this.#traces.length > 0;
  }

  /** Frees every function; call it before the context is closed. */
  close(): void {
    this.#functions.close();
  }

  /**
   * The function that `build` makes of operations: its arguments are the "Placeholder"s and its results those of the last
   * operation. Equal traces give the same function. The caller releases it.
   */
  trace(
    name: string,
    { isProgram, isCompiled, build }: { isProgram: boolean; isCompiled: boolean; build: () => void },
  ): NativeFunction {
    if (!this.isTracing) this.#start = this.#tensors.nextId;
    const trace: Trace = {
      name,
      graph: new NativeGraph(this.#native),
      constants: new Map(),
      open: new Set(),
      last: { operation: "none", values: [] },
      reads: new Map(),
      inner: [],
    };
    this.#traces.push(trace);
    try {
      build();
      const { graph, last, inner } = trace;
      const finished = this.#functions.define(`${name}_${graph.digest(last.values).slice(0, 16)}`, {
        make: (functionName) => graph.toFunction(functionName, last.values),
        isProgram,
        isCompiled,
        results: last.values.map(({ shape, dtype }) => ({ shape, dtype })),
        inner,
      });
      this.#traces.at(-2)?.inner.push(finished);
      return finished;
    } catch (error) {
      for (const inner of trace.inner) inner.release();
      throw error;
    } finally {
      this.#traces.pop();
      for (const id of trace.open) this.#values.delete(id);
      trace.graph.close();
    }
  }

  /** Adds an operation to the graph that is being traced. */
  execute({ name, attributes, inputs }: NativeOperation): TensorDescription[] {
    const trace = this.#current();
    try {
      if (refused.has(name)) throw new Error("it draws random numbers; hand them in as an argument");
      const values = add(trace, { name, attributes, inputs: inputs.map((id) => this.#valueOf(id)) });
      if (values.length === 0 && name !== "AssignVariableOp") throw new Error("it has no result");
      trace.last = { operation: name, values };
      return values.map((value) => {
        const id = this.#tensors.takeId();
        this.#values.set(id, value);
        trace.open.add(id);
        return { id, shape: value.shape, dtype: value.dtype };
      });
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : cause;
      throw new Error(`Leave operation "${name}" out of "${trace.name}", which is compiled: ${reason}`, {
        cause,
      });
    }
  }

  /** Frees a traced tensor; false when `id` is none. */
  forget(id: number): boolean {
    for (const { open } of this.#traces) open.delete(id);
    return this.#values.delete(id);
  }

  /** Throws when `id` has no numbers. */
  checkReadable(id: number): void {
    if (!this.#values.has(id)) return;
    const { name, last } = this.#current();
    throw new Error(
      `Read no numbers inside "${name}", which is compiled: they are known when it runs (after operation "${last.operation}")`,
    );
  }

  #current(): Trace {
    const trace = this.#traces.at(-1);
    if (trace === undefined) throw new Error("Use a tensor of a compiled function inside that function only");
    return trace;
  }

  #valueOf(id: number): GraphValue {
    const { graph, constants } = this.#current();
    const traced = this.#values.get(id);
    if (traced !== undefined) {
      if (traced.graph === graph) return traced;
      throw new Error("it takes a tensor from outside the loop; make it part of the loop's state");
    }
    const known = constants.get(id);
    if (known !== undefined) return known;
    const made = this.#tensors.withTensor(id, (tensor, content) => {
      if (id < this.#start && content.bytes.length > LARGEST_CAPTURE) {
        throw new Error(
          `it takes a tensor [${content.shape}] from outside; make that an argument of the function`,
        );
      }
      return graph.constant(tensor, content);
    });
    constants.set(id, made);
    return made;
  }
}

/** Adds an operation. Of variables it knows what graphs do not: their shapes, and that an assignment comes after the reading. */
function add({ graph, reads }: Trace, operation: GraphOperation): GraphValue[] {
  const { name, attributes, inputs } = operation;
  if (name === "AssignVariableOp") return graph.add({ ...operation, after: reads.get(inputs[0]) });
  if (name !== "ReadVariableOp") return graph.add(operation);
  const shape = attributes.find((attribute) => attribute.name === "shape")?.value;
  const [value] = graph.add({
    ...operation,
    attributes: attributes.filter((attribute) => attribute.name !== "shape"),
    shape: Array.isArray(shape) ? shape.map(Number) : [],
  });
  reads.set(inputs[0], value);
  return [value];
}
