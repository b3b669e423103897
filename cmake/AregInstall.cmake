# What makes an installed prefix usable from outside: the header, the pkg-config file, and the CMake package. Each
# target's own installation stands where the target is declared.

include(CMakePackageConfigHelpers)

# areg_install_package(): nothing to do as long as there is no libareg.
function(areg_install_package)
    if(NOT TARGET libareg)
        return()
    endif()
    set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/areg)
    set(generated_dir ${PROJECT_BINARY_DIR}/package)

    file(RELATIVE_PATH PREFIX_FROM_PKGCONFIG /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
    configure_file(${PROJECT_SOURCE_DIR}/packaging/libareg.pc.in ${generated_dir}/libareg.pc @ONLY)
    configure_package_config_file(${PROJECT_SOURCE_DIR}/packaging/aregConfig.cmake.in
                                  ${generated_dir}/aregConfig.cmake INSTALL_DESTINATION ${package_dir})
    # Before 1.0 a minor version may change the interface.
    write_basic_package_version_file(${generated_dir}/aregConfigVersion.cmake COMPATIBILITY SameMinorVersion)

    install(FILES ${PROJECT_SOURCE_DIR}/include/areg.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
    install(FILES ${generated_dir}/libareg.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
    install(FILES ${generated_dir}/aregConfig.cmake ${generated_dir}/aregConfigVersion.cmake DESTINATION ${package_dir})
    install(EXPORT aregTargets NAMESPACE areg:: DESTINATION ${package_dir})
endfunction()
