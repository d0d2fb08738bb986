// Starts a program whose first class is not the one with `main`, as `java FILE` demands: compiles FILE in memory, and runs
// the class that is named like the file, else the first that has a `main`.
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.OutputStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.URI;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.tools.FileObject;
import javax.tools.ForwardingJavaFileManager;
import javax.tools.ForwardingJavaFileObject;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileManager;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

class Start {
    static final class Compiled extends SimpleJavaFileObject {
        final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        Compiled(String name, Kind kind) { super(URI.create("memory:///" + name.replace('.', '/') + kind.extension), kind); }
        @Override public OutputStream openOutputStream() { return bytes; }
    }

    static final class Classes extends ForwardingJavaFileManager<JavaFileManager> {
        final Map<String, Compiled> made = new LinkedHashMap<>();
        Classes(JavaFileManager files) { super(files); }
        @Override public JavaFileObject getJavaFileForOutput(Location place, String name, JavaFileObject.Kind kind, FileObject of) {
            return made.computeIfAbsent(name, it -> new Compiled(it, kind));
        }
    }

    static final class Loader extends ClassLoader {
        final Map<String, Compiled> made;
        Loader(Map<String, Compiled> made) { super(ClassLoader.getSystemClassLoader().getParent()); this.made = made; }
        @Override protected Class<?> findClass(String name) throws ClassNotFoundException {
            Compiled one = made.get(name);
            if (one == null) throw new ClassNotFoundException(name);
            byte[] code = one.bytes.toByteArray();
            return defineClass(name, code, 0, code.length);
        }
    }

    static Method mainOf(Class<?> one) {
        try {
            Method main = one.getDeclaredMethod("main", String[].class);
            return Modifier.isStatic(main.getModifiers()) ? main : null;
        } catch (NoSuchMethodException none) {
            return null;
        }
    }

    public static void main(String[] arguments) throws Throwable {
        File file = new File(arguments[0]);
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null);
        JavaFileObject source = files.getJavaFileObjects(file).iterator().next();
        // A public class may have another name than the file, as it may for `java FILE`.
        source = new ForwardingJavaFileObject<>(source) {
            @Override public boolean isNameCompatible(String name, Kind kind) { return kind == Kind.SOURCE; }
        };
        Classes classes = new Classes(files);
        List<String> options = List.of("-proc:none");
        if (!compiler.getTask(null, classes, null, options, null, List.of(source)).call()) System.exit(1);
        Loader loader = new Loader(classes.made);
        String name = file.getName().replaceFirst("\\.[^.]*$", "");
        Method start = null;
        for (String made : classes.made.keySet()) {
            Method main = mainOf(loader.loadClass(made));
            boolean isNamedSo = made.equals(name) || made.endsWith("." + name);
            if (main != null && (start == null || isNamedSo)) start = main;
        }
        if (start == null) {
            System.err.println("error: no class of " + file.getName() + " has a main(String[]) method");
            System.exit(1);
        }
        start.setAccessible(true);
        Thread.currentThread().setContextClassLoader(loader);
        try {
            start.invoke(null, (Object) Arrays.copyOfRange(arguments, 1, arguments.length));
        } catch (InvocationTargetException thrown) {
            throw withoutUs(thrown.getCause(), classes.made);
        }
    }

    // Between the program's own places and those of `java` itself, which takes its own off, are some of ours.
    static Throwable withoutUs(Throwable thrown, Map<String, Compiled> made) {
        StackTraceElement[] places = thrown.getStackTrace();
        int below = new Throwable().getStackTrace().length - 2;
        int last = places.length - below;
        while (last > 0 && !made.containsKey(places[last - 1].getClassName())) last--;
        List<StackTraceElement> kept = new ArrayList<>(Arrays.asList(places).subList(0, last));
        kept.addAll(Arrays.asList(places).subList(Math.max(last, places.length - below), places.length));
        thrown.setStackTrace(kept.toArray(new StackTraceElement[0]));
        return thrown;
    }
}
